"""Names that resources use for each other, brought up to date after names have changed.

Source: kustomize `api/filters/nameref`, `api/resmap` (SubsetThatCouldBeReferencedByResource).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from minikctl.api.meta import Obj
from minikctl.kubectl.kustomize.fields import REFERENCES, Field, visit
from minikctl.kubectl.kustomize.resource import Gvk, Resource, Resources, text
from minikctl.util.errors import UsageError


def fix(resources: Resources) -> None:
    """Raises UsageError when a name may mean several resources."""
    if not any(r.previous for r in resources):
        return
    for resource in resources:
        candidates = _reachable(resources, resource)
        for gvk, fields in REFERENCES:
            for field in fields:
                if field.gvk.selects(resource.original_id.gvk):
                    _update(_Search(resource, candidates, gvk, field.path))


def _reachable(resources: Resources, referrer: Resource) -> list[Resource]:
    """What a resource may name: its own namespace, what has none, and accounts that a RoleBinding mentions."""
    if referrer.gvk.cluster_scoped:
        return list(resources)
    here = referrer.id.effective_namespace
    mentioned = set()
    if referrer.gvk.kind == "RoleBinding":
        subjects = [s for s in referrer.data.get("subjects") or [] if isinstance(s, dict)]
        mentioned = {text(s.get("namespace")) for s in subjects if s.get("kind") == "ServiceAccount"} - {""}
    return [
        r for r in resources if r.gvk.cluster_scoped or r.id.effective_namespace == here or r.namespace in mentioned
    ]


@dataclass
class _Search:
    """One field of one resource, and what it may name."""

    referrer: Resource
    candidates: list[Resource]
    gvk: Gvk
    path: str

    def named(
        self, old: str, among: Sequence[Resource], are_same: Callable[[Sequence[Resource]], bool]
    ) -> Resource | None:
        """The resource that was called `old`, None when there is none. Raises UsageError."""
        found = [r for r in among if any(i.name == old and True for i in r.previous_ids)]
        found = [r for r in found if any(self.gvk.selects(i.gvk) for i in r.previous_ids)]
        found = [r for r in found if self._fits_role(r) and self._shares_namespace(r)]
        if len(found) == 1:
            return found[0]
        found = [r for r in found if _same_names(r, self.referrer, allow_empty=True)]
        if len(found) > 1:
            found = [r for r in found if _same_names(r, self.referrer, allow_empty=False)]
        if not found:
            return None
        if len(found) == 1 or are_same(found):
            return found[0]
        raise UsageError(f"found multiple possible referrals: {', '.join(str(r.id) for r in found)}")

    def _fits_role(self, candidate: Resource) -> bool:
        reference = self.referrer.data.get("roleRef")
        if not self.path.endswith("roleRef/name") or not isinstance(reference, dict):
            return True
        if not reference.get("apiGroup") or not reference.get("kind"):
            return True
        wanted = Gvk(text(reference["apiGroup"]), "", text(reference["kind"]))
        return any(wanted.selects(i.gvk) for i in candidate.previous_ids)

    def _shares_namespace(self, candidate: Resource) -> bool:
        if self.referrer.gvk.cluster_scoped or candidate.gvk.cluster_scoped or candidate.gvk.kind == "ServiceAccount":
            return True
        return self.referrer.id.effective_namespace == candidate.id.effective_namespace


def _same_names(one: Resource, other: Resource, *, allow_empty: bool) -> bool:
    """Whether both were given the same prefixes and suffixes, as far as the shorter list goes."""
    pairs = ((one.prefixes, other.prefixes), (one.suffixes, other.suffixes))
    return all((allow_empty and not (a and b)) or _same_ending(a, b) for a, b in pairs)


def _same_ending(one: list[str], other: list[str]) -> bool:
    short, long = sorted((one, other), key=len)
    return long[len(long) - len(short) :] == short if short else not long


def _same_name(found: Sequence[Resource]) -> bool:
    return len({r.name for r in found}) == 1


def _same_name_and_namespace(found: Sequence[Resource]) -> bool:
    return len({(r.name, r.namespace) for r in found}) == 1


def _update(search: _Search) -> None:
    def place(container: Any, key: Any) -> None:
        value = container[key]
        if isinstance(value, dict):
            _update_object(search, value)
        elif isinstance(value, list):
            for i, item in enumerate(value):
                if isinstance(item, dict):
                    _update_object(search, item)
                elif item is not None:
                    value[i] = _new_name(search, item)
        elif value is not None:
            container[key] = _new_name(search, value)

    try:
        visit(search.referrer, Field(search.path), place)
    except UsageError as e:
        raise UsageError(
            f"updating name reference in '{search.path}' field of '{search.referrer.id}': {e.message}"
        ) from None


def _new_name(search: _Search, old: Any) -> Any:
    found = search.named(text(old), search.candidates, _same_name)
    return old if found is None else found.name


def _update_object(search: _Search, value: Obj) -> None:
    """An object with `name` and perhaps `namespace`, such as a binding's subject."""
    if "name" not in value:
        raise UsageError("path config error; no 'name' field in node")
    candidates = search.candidates
    if "namespace" in value:
        wanted = text(value["namespace"])
        was = [r for r in candidates if r.original_id.effective_namespace == wanted]
        candidates = was or [r for r in candidates if r.id.effective_namespace == wanted]
    found = search.named(text(value["name"]), candidates, _same_name_and_namespace)
    if found is not None:
        value["name"] = found.name
        if found.namespace:
            value["namespace"] = found.namespace
