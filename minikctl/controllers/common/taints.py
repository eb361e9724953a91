"""Taints that say what is wrong with a node. Pure.

Source: concept "Taints and Tolerations" (taint based evictions, taint nodes by condition).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from minikctl.api.meta import Obj, condition
from minikctl.api.scheduling import NO_EXECUTE, NO_SCHEDULE

NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
BY_CONDITION: Mapping[str, Mapping[str, str]] = {
    "Ready": {"False": NOT_READY, "Unknown": UNREACHABLE},
    "MemoryPressure": {"True": "node.kubernetes.io/memory-pressure"},
    "DiskPressure": {"True": "node.kubernetes.io/disk-pressure"},
    "NetworkUnavailable": {"True": "node.kubernetes.io/network-unavailable"},
    "PIDPressure": {"True": "node.kubernetes.io/pid-pressure"},
}
_OWN_NO_SCHEDULE = frozenset({UNSCHEDULABLE, *(key for keys in BY_CONDITION.values() for key in keys.values())})
_OWN_NO_EXECUTE = frozenset({NOT_READY, UNREACHABLE})


def wanted(node: Obj, *, evict: bool) -> list[tuple[str, str]]:
    """(key, effect) of what a node's conditions call for. `evict`: pods may be driven away from it."""
    keys = [
        key
        for kind, by_status in BY_CONDITION.items()
        if (key := by_status.get((condition(node, kind) or {}).get("status", "")))
    ]
    if (node.get("spec") or {}).get("unschedulable"):
        keys.append(UNSCHEDULABLE)
    found = [(key, NO_SCHEDULE) for key in keys]
    return found + [(key, NO_EXECUTE) for key in keys if evict and key in _OWN_NO_EXECUTE]


def with_taints(node: Obj, now: str, *, evict: bool) -> list[Obj] | None:
    """The node's taints with those that its conditions call for and without those they no longer do; None when that
    is what it has. Taints of others stay as they are."""
    asked = wanted(node, evict=evict)
    present: list[Obj] = (node.get("spec") or {}).get("taints") or []
    kept = [t for t in present if not is_own(t) or (t["key"], t["effect"]) in asked]
    known = {(t["key"], t.get("effect")) for t in kept}
    added = [{"key": k, "effect": e, "timeAdded": now} for k, e in asked if (k, e) not in known]
    return [*kept, *added] if added or len(kept) != len(present) else None


def is_own(taint: Obj) -> bool:
    """True for the taints that the node controller sets and removes."""
    keys = {NO_SCHEDULE: _OWN_NO_SCHEDULE, NO_EXECUTE: _OWN_NO_EXECUTE}.get(taint.get("effect", ""), frozenset())
    return taint.get("key") in keys


def no_execute(node: Obj) -> list[Obj]:
    return [t for t in (node.get("spec") or {}).get("taints") or [] if t.get("effect") == NO_EXECUTE]


def any_ready(nodes: Iterable[Obj]) -> bool:
    return any((condition(n, "Ready") or {}).get("status") == "True" for n in nodes)
