"""Scopes: which objects a quota is about. One without scopes is about all."""

from __future__ import annotations

from minikctl.api.meta import Obj, Objects


def of_quota(quota: Obj) -> Objects:
    """Its scopes as selector requirements: a bare scope must exist."""
    spec = quota.get("spec") or {}
    bare = [{"scopeName": s, "operator": "Exists"} for s in spec.get("scopes") or []]
    return bare + list((spec.get("scopeSelector") or {}).get("matchExpressions") or [])


def holds(scope: Obj, values: list[str]) -> bool:
    """Whether an object that has these values of the scoped field meets the requirement."""
    wanted = scope.get("values") or []
    match scope.get("operator"):
        case "Exists":
            return bool(values)
        case "DoesNotExist":
            return not values
        case "In":
            return any(v in wanted for v in values)
        case "NotIn":
            return not values or any(v not in wanted for v in values)
    return False
