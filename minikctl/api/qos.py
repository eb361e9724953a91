"""Quality of service: who is killed first when a node runs out of memory. Source: concept "Pod Quality of Service"."""

from __future__ import annotations

from collections.abc import Iterable

from minikctl.api import quantity
from minikctl.api.meta import Obj

GUARANTEED, BURSTABLE, BEST_EFFORT = "Guaranteed", "Burstable", "BestEffort"
_COUNTED = ("cpu", "memory")


def qos_class(pod: Obj) -> str:
    """Guaranteed: every container has cpu and memory limits, and requests as much. BestEffort: none asks for anything.

    Resources of the pod as a whole, when it has any, count instead of its containers' (KEP-2837).
    """
    spec = pod.get("spec") or {}
    whole = spec.get("resources") or {}
    if whole.get("requests") or whole.get("limits"):
        return _class_of([whole])
    containers = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    return _class_of(c.get("resources") or {} for c in containers)


def _class_of(parts: Iterable[Obj]) -> str:
    requests: dict[str, int] = {}
    limits: dict[str, int] = {}
    all_limited = True
    for resources in parts:
        _add(requests, resources.get("requests") or {})
        limited = _add(limits, resources.get("limits") or {})
        all_limited = all_limited and limited == set(_COUNTED)
    if not requests and not limits:
        return BEST_EFFORT
    return GUARANTEED if all_limited and requests == limits else BURSTABLE


def _add(total: dict[str, int], amounts: Obj) -> set[str]:
    """Add what is counted and not zero; returns its names."""
    found = set()
    for name in _COUNTED:
        nano = quantity.parse(amounts[name]) if name in amounts else 0
        if nano > 0:
            total[name] = total.get(name, 0) + nano
            found.add(name)
    return found
