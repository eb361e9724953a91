"""How fast pods may be driven away from nodes that are not ready: slower where much of a zone is down at once, since then
it is more likely that the zone cannot be reached than that its nodes are gone.

A zone is in PartialDisruption when more than two of its nodes, and at least 55 % of them, are not ready; in
FullDisruption when none is. Source: Kubernetes `pkg/controller/nodelifecycle` (ComputeZoneState, setLimiterInZone),
concept "Nodes" (rate limits on eviction).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from minikctl.api.meta import Obj, condition, labels_of

NORMAL, PARTIAL, FULL = "Normal", "PartialDisruption", "FullDisruption"
PRIMARY_RATE, SECONDARY_RATE = 0.1, 0.01
"""Nodes a second: one in ten seconds, and one in a hundred."""
UNHEALTHY_THRESHOLD, LARGE_CLUSTER = 0.55, 50


def zone_of(node: Obj) -> str:
    labels = labels_of(node)
    region, zone = (labels.get(f"topology.kubernetes.io/{part}", "") for part in ("region", "zone"))
    return f"{region}:{zone}"


def state(ready: int, not_ready: int) -> str:
    if not ready and not_ready:
        return FULL
    if not_ready > 2 and not_ready / (ready + not_ready) >= UNHEALTHY_THRESHOLD:
        return PARTIAL
    return NORMAL


def rates(nodes: Iterable[Obj]) -> dict[str, float]:
    """By zone: how many nodes a second may be evicted. Nowhere any, when no node at all is ready."""
    ready: Counter[str] = Counter()
    not_ready: Counter[str] = Counter()
    for node in nodes:
        is_ready = (condition(node, "Ready") or {}).get("status") == "True"
        (ready if is_ready else not_ready)[zone_of(node)] += 1
    zones = {zone: state(ready[zone], not_ready[zone]) for zone in {*ready, *not_ready}}
    if all(s == FULL for s in zones.values()):
        return dict.fromkeys(zones, 0.0)
    return {zone: _rate(s, ready[zone] + not_ready[zone]) for zone, s in zones.items()}


def _rate(zone_state: str, size: int) -> float:
    if zone_state != PARTIAL:
        return PRIMARY_RATE
    return SECONDARY_RATE if size > LARGE_CLUSTER else 0.0


class Limiter:
    """One zone's turns: a token bucket that holds one."""

    def __init__(self, now: float):
        self._tokens, self._at = 1.0, now

    def wait(self, rate: float, now: float) -> float | None:
        """0 and the turn is taken, or seconds until the next one; None: there is none for now."""
        self._tokens = min(1.0, self._tokens + (now - self._at) * rate)
        self._at = now
        if not rate:
            return None
        if self._tokens > 0.999999:
            self._tokens = 0.0
            return 0.0
        return (1.0 - self._tokens) / rate
