"""Strategic merge as kustomize does it: new elements of a list come first, `null` and `$patch` take away.

Merge keys are those of the built-in types; lists of unknown kinds are replaced whole. Source: `kyaml/yaml/merge2`,
`kyaml/yaml/walk`.
"""

from __future__ import annotations

from typing import Any

from minikctl.api import kinds, schema
from minikctl.api.meta import Obj
from minikctl.kubectl.kustomize.resource import text
from minikctl.util.errors import UsageError

PATCH = "$patch"
_GONE = object()


def merge(target: Obj, patch: Obj) -> Obj | None:
    """The patched object; None when the patch deletes it. Raises UsageError."""
    group, slash, version = str(target.get("apiVersion") or patch.get("apiVersion") or "").rpartition("/")
    kind = kinds.by_gvk(group if slash else "", version, str(target.get("kind") or patch.get("kind") or ""))
    merged = _merge(target, patch, kind.type if kind is not None else "", ())
    return None if merged is _GONE else merged


def _merge(
    target: Any, patch: Any, type_name: str, strategy: tuple[str, ...] | None, keys: tuple[str, ...] = ()
) -> Any:
    """`strategy` None: the schema does not know this field."""
    if patch is None:
        return _GONE
    if target is None:
        return _added(patch, type_name, strategy, keys)
    if type(target) is not type(patch) and (isinstance(target, dict | list) or isinstance(patch, dict | list)):
        names = {dict: "MappingNode", list: "SequenceNode"}
        wanted, was = (names.get(type(v), "ScalarNode") for v in (target, patch))
        raise UsageError(f"wrong node kind: expected {wanted} but got {was}: node contents:\n{_yaml(patch)}")
    if isinstance(patch, dict):
        return _merge_objects(target, patch, type_name)
    if isinstance(patch, list):
        if strategy is None or "merge" not in strategy:
            return patch
        return _merge_lists(target, patch, type_name, keys)
    return patch


def _yaml(value: Any) -> str:
    from minikctl.kubectl.printers.yaml_out import dumps

    return dumps(value)


def _directive(patch: Obj) -> str:
    found = text(patch.get(PATCH))
    if found not in ("", "delete", "replace", "merge"):
        raise UsageError(f"unknown patch strategy '{found}'")
    return found


def _field(type_name: str, name: str) -> tuple[str, tuple[str, ...] | None, tuple[str, ...]]:
    """(the type of a field, its patch strategy, its merge keys)."""
    if type_name.startswith("map["):
        return schema.element(type_name), (), ()
    if not type_name or type_name in schema.SCALARS or type_name.startswith("[]") or not schema.exists(type_name):
        return "", None, ()
    known = schema.get(type_name).fields.get(name)
    if known is None:
        return "", None, ()
    keys = known.list_keys if known.list_keys and known.strategies else ()
    return known.type, known.strategies, keys or ((known.merge_key,) if known.merge_key else ())


def _merge_objects(target: Obj, patch: Obj, type_name: str) -> Any:
    how = _directive(patch)
    if how == "delete":
        return _GONE
    patch = {k: v for k, v in patch.items() if k != PATCH}
    if how == "replace":
        return _added(patch, type_name, None)
    out = dict(target)
    for name, value in patch.items():
        inner, strategy, keys = _field(type_name, name)
        merged = _merge(target.get(name), value, inner, strategy, keys)
        if merged is _GONE:
            out.pop(name, None)
        else:
            out[name] = merged
    return out


def _added(patch: Any, type_name: str, strategy: tuple[str, ...] | None, keys: tuple[str, ...] = ()) -> Any:
    """What a patch says where nothing was: without its nulls and directives."""
    if isinstance(patch, dict):
        if _directive(patch) == "delete":
            return _GONE
        out = {}
        for name, value in patch.items():
            if name != PATCH and value is not None:
                inner, its_strategy, its_keys = _field(type_name, name)
                added = _added(value, inner, its_strategy, its_keys)
                if added is not _GONE:
                    out[name] = added
        return out
    if isinstance(patch, list) and strategy is not None and "merge" in strategy:
        inner = schema.element(type_name) if type_name else ""
        added = [_added(v, inner, None) for v in patch if not _is_marker(v)]
        return [v for v in added if v is not _GONE]
    return patch


def _is_marker(value: Any) -> bool:
    """`- $patch: replace` alone: it is about the whole list."""
    return isinstance(value, dict) and set(value) == {PATCH}


def _merge_lists(target: list[Any], patch: list[Any], type_name: str, keys: tuple[str, ...]) -> Any:
    markers = [_directive(v) for v in patch if _is_marker(v)]
    patch = [v for v in patch if not _is_marker(v)]
    if "delete" in markers:
        return _GONE
    inner = schema.element(type_name) if type_name else ""
    if "replace" in markers:
        return _added(patch, type_name, ("merge",), keys)
    if not keys:
        return list(dict.fromkeys([*patch, *target]))
    used = [k for k in keys if any(isinstance(v, dict) and v.get(k) is not None for v in (*target, *patch))]
    if len(used) > 1:
        return _merge_by_several(target, patch, inner, keys)
    out: list[Any] = []
    left = list(target)
    for element in patch:
        found = next((t for t in left if _same(t, element, keys)), None)
        if found is not None:
            left.remove(found)
        merged = _added(element, inner, None) if found is None else _merge(found, element, inner, None)
        if merged is not _GONE and merged != {}:
            out.append(merged)
    return [*out, *left]


def _merge_by_several(target: list[Any], patch: list[Any], inner: str, keys: tuple[str, ...]) -> list[Any]:
    """Where several keys are in use (ports with protocols), kustomize is strict: what the list has stays behind what is
    new, and an element that is alike but not equal in all keys is passed over."""
    new = [_added(p, inner, None) for p in patch if not any(_same(t, p, keys) for t in target)]
    merged = []
    for element in target:
        change = next((p for p in patch if _keys_of(p, keys) == _keys_of(element, keys)), None)
        merged.append(element if change is None else _merge(element, change, inner, None))
    return [v for v in (*new, *merged) if v is not _GONE and v != {}]


def _keys_of(element: Any, keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text(element.get(k)) if isinstance(element, dict) else "" for k in keys)


def _same(one: Any, other: Any, keys: tuple[str, ...]) -> bool:
    """Equal in a key, and different in none that both have."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return False
    pairs = list(zip(_keys_of(one, keys), _keys_of(other, keys), strict=True))
    return any(a == b and a for a, b in pairs) and all(a == b or not (a and b) for a, b in pairs)
