"""A resource on its way through a build: its data, and what it was called before.

Source: kustomize `api/resource`, `api/resmap`, `kyaml/resid`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from minikctl.api import kinds
from minikctl.api.meta import Obj
from minikctl.util.errors import UsageError

CLUSTER = "_non_namespaceable_"
LOCAL_CONFIG = "config.kubernetes.io/local-config"


@dataclass(frozen=True)
class Gvk:
    """Group, version and kind; empty parts of one that selects mean any."""

    group: str = ""
    version: str = ""
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.kind or '[noKind]'}.{self.version or '[noVer]'}.{self.group or '[noGrp]'}"

    def selects(self, other: Gvk) -> bool:
        return all(not mine or mine == its for mine, its in zip(_parts(self), _parts(other), strict=True))

    @property
    def cluster_scoped(self) -> bool:
        """Whether it is known to live outside namespaces."""
        known = kinds.by_gvk(self.group, self.version, self.kind)
        return known is not None and not known.namespaced


def _parts(gvk: Gvk) -> tuple[str, str, str]:
    return gvk.group, gvk.version, gvk.kind


@dataclass(frozen=True)
class Id:
    """What tells one resource from another."""

    gvk: Gvk
    name: str = ""
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.gvk}/{self.name or '[noName]'}.{self.namespace or '[noNs]'}"

    @property
    def go(self) -> str:
        """Go's `%#v`, as some of kustomize's messages show it."""
        gvk = self.gvk
        scoped = "true" if gvk.cluster_scoped else "false"
        shown = (
            f'resid.Gvk{{Group:"{gvk.group}", Version:"{gvk.version}", Kind:"{gvk.kind}", isClusterScoped:{scoped}}}'
        )
        return f'resid.ResId{{Gvk:{shown}, Name:"{self.name}", Namespace:"{self.namespace}"}}'

    @property
    def effective_namespace(self) -> str:
        return CLUSTER if self.gvk.cluster_scoped else self.namespace or "default"

    def equals(self, other: Id) -> bool:
        if self.gvk != other.gvk or self.name != other.name:
            return False
        return self.effective_namespace == other.effective_namespace


@dataclass(eq=False)
class Resource:
    """`data` belongs to this resource alone and is changed in place."""

    data: Obj
    previous: list[Id] = field(default_factory=list)
    """What it was called before, the oldest first; the group and version are always the present ones."""
    prefixes: list[str] = field(default_factory=list)
    suffixes: list[str] = field(default_factory=list)
    behavior: str = ""
    hashed: bool = False
    may_change_name: bool = False
    may_change_kind: bool = False

    @property
    def gvk(self) -> Gvk:
        group, slash, version = str(self.data.get("apiVersion") or "").rpartition("/")
        return Gvk(group if slash else "", version, str(self.data.get("kind") or ""))

    @property
    def metadata(self) -> Obj:
        found = self.data.get("metadata")
        return found if isinstance(found, dict) else {}

    @property
    def name(self) -> str:
        return text(self.metadata.get("name"))

    @property
    def namespace(self) -> str:
        return text(self.metadata.get("namespace"))

    @property
    def id(self) -> Id:
        return Id(self.gvk, self.name, self.namespace)

    @property
    def previous_ids(self) -> list[Id]:
        gvk = self.gvk
        return [Id(Gvk(gvk.group, gvk.version, p.gvk.kind), p.name, p.namespace) for p in self.previous]

    @property
    def original_id(self) -> Id:
        return next(iter(self.previous_ids), self.id)

    @property
    def all_ids(self) -> list[Id]:
        return [*self.previous_ids, self.id]

    def remember(self) -> None:
        """Note what it is called, before that changes."""
        now = self.id
        self.previous.append(Id(now.gvk, now.name, now.effective_namespace))

    def set_metadata(self, key: str, value: Any) -> None:
        if not isinstance(self.data.get("metadata"), dict):
            self.data["metadata"] = {}
        if value or key == "name":
            self.data["metadata"][key] = value
        else:
            self.data["metadata"].pop(key, None)

    def labels(self) -> dict[str, str]:
        return {k: text(v) for k, v in (self.metadata.get("labels") or {}).items()}

    def annotations(self) -> dict[str, str]:
        return {k: text(v) for k, v in (self.metadata.get("annotations") or {}).items()}


def text(value: Any) -> str:
    """A scalar's text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


class Resources:
    """Resources in their order, each id once."""

    def __init__(self, items: list[Resource] | None = None):
        self.items: list[Resource] = []
        for item in items or []:
            self.append(item)

    def __iter__(self) -> Iterator[Resource]:
        return iter(list(self.items))

    def append(self, resource: Resource) -> None:
        """Raises UsageError when there is one of that id."""
        new = resource.id
        if any(new.equals(r.id) for r in self.items):
            raise UsageError(f"may not add resource with an already registered id: {new}")
        self.items.append(resource)

    def by_any_id(self, matches: Callable[[Id], bool]) -> list[Resource]:
        return [r for r in self.items if any(matches(i) for i in r.all_ids)]

    def only(self, wanted: Id) -> Resource:
        """The one that is or was called so. Raises UsageError."""
        found = self.by_any_id(wanted.equals)
        if len(found) == 1:
            return found[0]
        many = "multiple" if found else "no"
        raise UsageError(f"{many} matches for Id {wanted}; failed to find unique target for patch {wanted}")

    def absorb(self, resource: Resource) -> None:
        """Add what a generator made: new, or into the one of the same id. Raises UsageError."""
        new = resource.id
        found = self.by_any_id(new.equals)
        if not found:
            if resource.behavior in ("merge", "replace"):
                raise UsageError(f"id {new.go} does not exist; cannot merge or replace")
            self.append(resource)
            return
        if len(found) > 1:
            raise UsageError(f"found multiple objects that could accept merge of {new}")
        old = found[0]
        if resource.behavior not in ("merge", "replace"):
            shown = resource.behavior or "unspecified"
            raise UsageError(f"id {new.go} exists; can not use behavior: '{shown}', behavior must be merge or replace")
        self.items[self.items.index(old)] = _merged(old, resource)


def _merged(old: Resource, new: Resource) -> Resource:
    """`new` under the name and with the past of `old`; with `merge`, old data where there is no new."""
    for key, ours, theirs in (
        ("labels", new.labels(), old.labels()),
        ("annotations", new.annotations(), old.annotations()),
    ):
        new.set_metadata(key, {**theirs, **ours})
    new.set_metadata("name", old.name)
    new.set_metadata("namespace", old.namespace)
    if new.behavior == "merge":
        for key in ("data", "binaryData"):
            both = {**(old.data.get(key) or {}), **(new.data.get(key) or {})}
            if both:
                new.data[key] = both
    new.previous, new.prefixes, new.suffixes = list(old.previous), list(old.prefixes), list(old.suffixes)
    new.hashed, new.behavior = new.hashed and old.hashed, old.behavior
    return new


# ---------------------------------------------------------------------- selecting


def select(resources: Resources, selector: Obj) -> list[Resource]:
    """The resources that a patch's target means. Raises UsageError."""
    from minikctl.api.selectors import parse_label_selector

    def matches(key: str, *values: str) -> bool:
        wanted = text(selector.get(key))
        return not wanted or any(_regex(wanted).search(v) for v in values)

    labels = parse_label_selector(text(selector.get("labelSelector")))
    annotations = parse_label_selector(text(selector.get("annotationSelector")))
    found = []
    for r in resources:
        was, now = r.original_id, r.id
        if (
            matches("namespace", was.effective_namespace, now.effective_namespace)
            and matches("name", was.name, now.name)
            and matches("group", r.gvk.group)
            and matches("version", r.gvk.version)
            and matches("kind", r.gvk.kind)
            and labels.matches(r.labels())
            and annotations.matches(r.annotations())
        ):
            found.append(r)
    return found


def _regex(text_: str) -> re.Pattern[str]:
    try:
        return re.compile(f"^(?:{text_})$")
    except re.error as e:
        raise UsageError(f"error parsing regexp: {e}") from None


# ---------------------------------------------------------------------- from text


def parse(content: str) -> list[Resource]:
    """The resources of a file; lists are taken apart. Raises UsageError, ReadError."""
    from minikctl.kubectl.kustomize.reading import documents

    return [Resource(d) for d in _flat([_checked(d) for d in documents(content)])]


def _checked(found: Any) -> Obj:
    if not isinstance(found, dict):
        raise UsageError("missing Resource metadata")
    return found


def _flat(documents: list[Obj]) -> list[Obj]:
    out: list[Obj] = []
    waiting = [d for d in documents if _has_identity(d)]
    while waiting:
        found = waiting.pop(0)
        kind = str(found.get("kind") or "")
        if not kind.endswith("List") or "items" not in found:
            out.append(found)
        elif found["items"] is not None and not isinstance(found["items"], list):
            raise UsageError(f"expected array in {kind}/items, but found {type(found['items']).__name__}")
        else:
            waiting += [_checked(i) for i in found["items"] or [] if _has_identity(_checked(i))]
    return out


def _has_identity(found: Obj) -> bool:
    """True when it is an object with a kind and a name; empty ones are passed over. Raises UsageError."""
    if not found:
        return False
    metadata = found.get("metadata") or {}
    kind = text(found.get("kind"))
    name = text(metadata.get("name")) if isinstance(metadata, dict) else ""
    if kind and (name or kind.endswith("List")):
        return True
    missing = "metadata.name" if kind else "kind"
    shown = f"{text(found.get('apiVersion'))} {kind}"
    labels = _go_map(metadata.get("labels")) if isinstance(metadata, dict) else "map[]"
    annotations = _go_map(metadata.get("annotations")) if isinstance(metadata, dict) else "map[]"
    namespace = text(metadata.get("namespace")) if isinstance(metadata, dict) else ""
    raise UsageError(f"missing {missing} in object {{{{{shown}}} {{{{{name} {namespace}}} {labels} {annotations}}}}}")


def _go_map(found: Any) -> str:
    return f"map[{' '.join(f'{k}:{text(v)}' for k, v in sorted((found or {}).items()))}]"
