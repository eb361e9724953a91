"""`replacements`: a value of one resource copied into fields of others.

Paths have parts parted by dots; `[name=web]` picks elements of a list, `*` all of them, a number one; `[a.b/c]` is a
key with dots. Source: kustomize `api/filters/replacement`, `kyaml/yaml/match.go`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from minikctl.api.meta import Obj
from minikctl.api.selectors import parse_label_selector
from minikctl.kubectl.kustomize.fields import split as split_escaped
from minikctl.kubectl.kustomize.reading import ReadError, one, plain
from minikctl.kubectl.kustomize.resource import Gvk, Id, Resource, Resources, text
from minikctl.util.errors import UsageError

Spot = tuple[Any, Any]
"""(container, key) of a value."""
_NAME = "metadata.name"


def apply(resources: Resources, replacement: Obj) -> None:
    """One replacement. Raises UsageError."""
    source, literal, targets = replacement.get("source"), replacement.get("sourceValue"), replacement.get("targets")
    if (source is None and literal is None) or targets is None:
        raise UsageError("replacements must specify a source and at least one target")
    if source is not None and literal is not None:
        raise UsageError("value and resource selectors are mutually exclusive")
    value = literal if source is None else _value_of(resources, source)
    for target in targets:
        _apply_to(resources, value, target)


# ---------------------------------------------------------------------- the source


def _value_of(resources: Resources, source: Obj) -> Any:
    selector = Id(_gvk(source), text(source.get("name")), text(source.get("namespace")))
    found = [r for r in resources if any(_is_selected(i, selector) for i in _ids(r))]
    if len(found) > 1:
        raise UsageError(f"multiple matches for selector {_shown(source, selector)}")
    if not found:
        raise UsageError(f"nothing selected by {_shown(source, selector)}")
    path = text(source.get("fieldPath")) or _NAME
    spots = _look_up(found[0].data, split(path))
    if not spots or spots in ("", {}, []) or spots is None:
        raise UsageError(f"fieldPath `{path}` is missing for replacement source {selector}")
    return _refined(source.get("options") or {}, spots)


def _gvk(data: Obj) -> Gvk:
    return Gvk(text(data.get("group")), text(data.get("version")), text(data.get("kind")))


def _shown(source: Obj, selector: Id) -> str:
    shown = [str(selector)]
    if source.get("fieldPath"):
        shown.append(text(source["fieldPath"]))
    options = source.get("options") or {}
    if options.get("delimiter") or options.get("create"):
        create = "true" if options.get("create") else "false"
        shown.append(f"{text(options.get('delimiter'))}({options.get('index') or 0}), create={create}")
    return ":".join(shown)


def _ids(resource: Resource) -> list[Id]:
    return [resource.id, *resource.previous_ids]


def _is_selected(one_: Id, selector: Id) -> bool:
    return (
        selector.name in ("", one_.name)
        and (not selector.namespace or selector.namespace == (one_.namespace or "default"))
        and selector.gvk.selects(one_.gvk)
    )


def _look_up(value: Any, path: list[str]) -> Any:
    """The value at a path; of lists, one element is picked. None when there is none."""
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list):
            value = _element(value, part)
        else:
            return None
    return value


def _element(items: list[Any], part: str) -> Any:
    if re.fullmatch("[0-9]+", part):
        return items[int(part)] if int(part) < len(items) else None
    if part == "-":
        return items[-1] if items else None
    if part.startswith("[") and part.endswith("]") and "=" in part:
        key, _, wanted = part[1:-1].partition("=")
        for item in items:
            if (isinstance(item, dict) and text(item.get(key)) == wanted and key) or (not key and text(item) == wanted):
                return item
    return None


def _refined(options: Obj, value: Any) -> Any:
    delimiter = text(options.get("delimiter"))
    if not delimiter:
        return value
    if isinstance(value, dict | list):
        raise UsageError("delimiter option can only be used with scalar nodes")
    parts, index = text(value).split(delimiter), int(options.get("index") or 0)
    if not 0 <= index < len(parts):
        raise UsageError(f"options.index {index} is out of bounds for value {text(value)}")
    return _like(value, parts[index])


def _like(old: Any, new: str) -> Any:
    """A text in the place of a value: what was no text stays none."""
    if isinstance(old, str):
        return new
    return plain(new) if new else new


# ---------------------------------------------------------------------- the targets


def _apply_to(resources: Resources, value: Any, target: Obj) -> None:
    selector = target.get("select")
    if selector is None:
        raise UsageError("target must specify resources to select")
    paths = [text(p) for p in target.get("fieldPaths") or [_NAME]]
    rejects = target.get("reject") or []
    for resource in resources:
        if not _matches_labels(resource, selector) or any(_rejected_by_labels(resource, r) for r in rejects):
            continue
        ids = _ids(resource)
        named = [r for r in rejects if any(r.get(k) for k in ("group", "version", "kind", "name", "namespace"))]
        if any(_matches(i, r) for r in named for i in ids) or not any(_matches(i, selector) for i in ids):
            continue
        for path in paths:
            _copy_to(resource, value, path, target.get("options") or {})


def _matches(id_: Id, selector: Obj) -> bool:
    parts = (
        ("group", id_.gvk.group),
        ("version", id_.gvk.version),
        ("kind", id_.gvk.kind),
        ("name", id_.name),
        ("namespace", id_.namespace),
    )
    return all(not selector.get(k) or re.search(f"^(?:{text(selector[k])})$", v) for k, v in parts)


def _matches_labels(resource: Resource, selector: Obj) -> bool:
    return parse_label_selector(text(selector.get("labelSelector"))).matches(
        resource.labels()
    ) and parse_label_selector(text(selector.get("annotationSelector"))).matches(resource.annotations())


def _rejected_by_labels(resource: Resource, reject: Obj) -> bool:
    if not reject.get("labelSelector") and not reject.get("annotationSelector"):
        return False
    return _matches_labels(resource, reject)


def _copy_to(resource: Resource, value: Any, path: str, options: Obj) -> None:
    create = bool(options.get("create"))
    parts = split(path)
    if _into_text(resource.data, value, parts, create):
        return
    words = "find or create" if create else "find"
    problem = f'unable to {words} field "{path}" in replacement target'
    try:
        spots = _spots(resource.data, parts, create, value)
    except UsageError as e:
        raise UsageError(f"{problem}: {e.message}") from None
    if not spots:
        raise UsageError(problem)
    for container, key in spots:
        container[key] = _replaced(container[key], value, options)


def _replaced(old: Any, value: Any, options: Obj) -> Any:
    delimiter = text(options.get("delimiter"))
    if delimiter:
        if isinstance(old, dict | list):
            raise UsageError("delimiter option can only be used with scalar nodes")
        parts, index = text(old).split(delimiter), int(options.get("index") or 0)
        if index < 0:
            parts = [text(value), *parts]
        elif index >= len(parts):
            parts = [*parts, text(value)]
        else:
            parts[index] = text(value)
        value = delimiter.join(parts)
    if isinstance(old, dict | list) or isinstance(value, dict | list):
        return json.loads(json.dumps(value))
    return _like(old, text(value)) if old is not None else value


def split(path: str) -> list[str]:
    """`spec.containers.[name=a.b].image` → spec, containers, [name=a.b], image; `[a.b]` is a key."""
    parts = split_escaped(path, ".")
    out: list[str] = []
    i = 0
    while i < len(parts):
        part = parts[i]
        if part.startswith("[") and not part.endswith("]"):
            while i + 1 < len(parts) and not part.endswith("]"):
                i += 1
                part = f"{part}.{parts[i]}"
            part = part if "=" in part else part.strip("[]")
        out.append(part)
        i += 1
    return out


def _spots(value: Any, path: list[str], create: bool, new: Any, at: Spot | None = None) -> list[Spot]:
    """All places that a path means. Raises UsageError."""
    if not path:
        return [at] if at is not None else []
    part, below = path[0], path[1:]
    if re.fullmatch("[0-9]+", part) and isinstance(value, list):
        return _spots_of_index(value, int(part), below, create, new)
    if part.startswith("[") and part.endswith("]"):
        return _spots_of_elements(value, part, below, create, new)
    if part == "*":
        return [s for i, item in enumerate(_list(value)) for s in _spots(item, below, create, new, (value, i))]
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise UsageError("wrong node kind: expected MappingNode but got SequenceNode")
        return []
    if part not in value:
        if not create:
            return []
        value[part] = _made(below, new)
    return _spots(value[part], below, create, new, (value, part))


def _made(below: list[str], new: Any) -> Any:
    if not below:
        return {} if isinstance(new, dict) else [] if isinstance(new, list) else None
    return [] if re.fullmatch(r"[0-9]+|\[.*\]|\*", below[0]) else {}


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    kind = "MappingNode" if isinstance(value, dict) else "ScalarNode"
    raise UsageError(f"wrong node kind: expected SequenceNode but got {kind}")


def _spots_of_index(value: list[Any], index: int, below: list[str], create: bool, new: Any) -> list[Spot]:
    if index == len(value) and create:
        value.append(_made(below, new))
    if index >= len(value):
        raise UsageError(f"index {index} specified but only {len(value)} elements found")
    return _spots(value[index], below, create, new, (value, index))


def _spots_of_elements(value: Any, part: str, below: list[str], create: bool, new: Any) -> list[Spot]:
    items = _list(value)
    key, equals, wanted = part[1:-1].partition("=")
    if not equals:
        raise UsageError(f"list path element must contain fieldName=fieldValue for element to match: {part}")

    def found() -> list[Spot]:
        spots: list[Spot] = []
        for i, item in enumerate(items):
            its = item.get(key) if key and isinstance(item, dict) else item if not key else None
            if its is not None and re.search(wanted, text(its)):
                spots += _spots(item, below if key else [], create, new, (items, i))
        return spots

    spots = found()
    if not spots and create:
        items.append({key: wanted} if key else wanted)
        spots = found()
    return spots


# ---------------------------------------------------------------------- data within texts


def _into_text(data: Obj, value: Any, path: list[str], create: bool) -> bool:
    """Set a value inside JSON or YAML that stands in a text field. False when there is none."""
    for i in range(1, len(path)):
        holder = _look_up(data, path[: i - 1]) if i > 1 else data
        old = holder.get(path[i - 1]) if isinstance(holder, dict) else None
        if not isinstance(old, str):
            continue
        try:
            inner = one(old)
            spots = _spots(inner, path[i:], create, value) if isinstance(inner, dict | list) else []
        except (ReadError, UsageError):
            return False
        for container, key in spots:
            container[key] = _like(container[key], text(value)) if not isinstance(value, dict | list) else value
        if spots and isinstance(holder, dict):
            holder[path[i - 1]] = _written(inner, old)
        return bool(spots)
    return False


def _written(inner: Any, old: str) -> str:
    """JSON as dense as it was, or YAML."""
    if old.lstrip()[:1] in "{[":
        if "\n" in old and "  " in old:
            return json.dumps(inner, indent=2, sort_keys=True, ensure_ascii=False)
        return json.dumps(inner, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    import yaml

    return yaml.safe_dump(inner, sort_keys=False, allow_unicode=True, width=2**20).strip()
