"""How `auth reconcile` brings roles and bindings to what a file says: what is missing, what is too much. Pure.

Source: Kubernetes `component-helpers/auth/rbac/reconciliation`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from minikctl.api import policy_rules
from minikctl.api.meta import Obj, with_metadata

NONE, CREATE, UPDATE, RECREATE = "none", "create", "update", "recreate"
AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate"
ROLE_KINDS, BINDING_KINDS = ("Role", "ClusterRole"), ("RoleBinding", "ClusterRoleBinding")


@dataclass
class Plan:
    """What is to be done (`operation`), the object that results, and which parts (rules or subjects) differ.

    protected: the object opted out, nothing is done.
    """

    operation: str
    obj: Obj
    missing: list[Obj] = field(default_factory=list)
    extra: list[Obj] = field(default_factory=list)
    protected: bool = False


def plan(existing: Obj | None, expected: Obj, *, remove_extra: bool) -> Plan:
    """For a role or a binding."""
    parts = "rules" if expected["kind"] in ROLE_KINDS else "subjects"
    if existing is None:
        return Plan(CREATE, expected, missing=expected.get(parts) or [])
    protected = (existing["metadata"].get("annotations") or {}).get(AUTOUPDATE) == "false"
    if parts == "subjects" and _role_of(existing) != _role_of(expected):
        return Plan(RECREATE, expected, protected=protected)
    made, operation = _with_expected_metadata(existing, expected)
    missing, extra = _compare(existing, expected, parts)
    if remove_extra and (missing or extra):
        made, operation = {**made, parts: expected.get(parts) or []}, UPDATE
    elif missing and not remove_extra:
        made, operation = {**made, parts: [*(existing.get(parts) or []), *missing]}, UPDATE
    aggregated = _aggregation(existing, expected, remove_extra)
    if aggregated != existing.get("aggregationRule"):
        made, operation = {**made, "aggregationRule": aggregated}, UPDATE
    return Plan(operation, made, missing, extra, protected)


def _role_of(binding: Obj) -> tuple[str, str]:
    ref = binding.get("roleRef") or {}
    return str(ref.get("kind") or ""), str(ref.get("name") or "")


def _with_expected_metadata(existing: Obj, expected: Obj) -> tuple[Obj, str]:
    """Labels and annotations that are not there yet; what is there keeps its value."""
    changes: dict[str, Any] = {}
    for name in ("annotations", "labels"):
        present = existing["metadata"].get(name) or {}
        merged = {**(expected["metadata"].get(name) or {}), **present}
        if merged != present:
            changes[name] = merged
    return (with_metadata(existing, **changes), UPDATE) if changes else (existing, NONE)


def _compare(existing: Obj, expected: Obj, parts: str) -> tuple[list[Obj], list[Obj]]:
    """(what of the expected parts is missing, which are there and not expected)."""
    have, want = existing.get(parts) or [], expected.get(parts) or []
    if parts == "subjects":
        return [s for s in want if not _in(s, have)], [s for s in have if not _in(s, want)]
    if existing.get("aggregationRule") and expected.get("aggregationRule"):
        return [], []  # a controller fills the rules
    return policy_rules.uncovered(have, want), policy_rules.uncovered(want, have)


def _in(subject: Obj, listed: list[Obj]) -> bool:
    return any(all(subject.get(f) == s.get(f) for f in ("kind", "name", "namespace")) for s in listed)


def _aggregation(existing: Obj, expected: Obj, remove_extra: bool) -> Obj | None:
    before, wanted = existing.get("aggregationRule"), expected.get("aggregationRule")
    if not wanted and not remove_extra:
        return before
    have = (before or {}).get("clusterRoleSelectors") or []
    want = (wanted or {}).get("clusterRoleSelectors") or []
    missing = [s for s in want if s not in have]
    if remove_extra:
        return wanted if missing or any(s not in want for s in have) else before
    return {"clusterRoleSelectors": [*have, *missing]} if missing else before


def shown(part: Obj) -> str:
    """A rule or a subject as Go's `%+v` prints it."""
    if "verbs" in part:
        names = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
        titles = ("Verbs", "APIGroups", "Resources", "ResourceNames", "NonResourceURLs")
        return "{" + " ".join(f"{t}:[{' '.join(part.get(n) or [])}]" for t, n in zip(titles, names)) + "}"
    fields = (("Kind", "kind"), ("APIGroup", "apiGroup"), ("Name", "name"), ("Namespace", "namespace"))
    return "{" + " ".join(f"{t}:{part.get(n) or ''}" for t, n in fields) + "}"
