"""How fast and how far a workload may be scaled: stabilization windows, policies, minimum and maximum. Pure.

Source: Kubernetes `pkg/controller/podautoscaler/horizontal.go`, KEP-853.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

from minikctl.api import quantity
from minikctl.api.meta import Obj
from minikctl.controllers.horizontal_pod_autoscaler.replicas import TOLERANCE, Tolerances

DOWN_WINDOW_SECONDS = 300
UP_FACTOR, UP_LEAST = 2, 4
WITHIN = ("DesiredWithinRange", "the desired count is within the acceptable range")
TOO_MANY = ("TooManyReplicas", "the desired replica count is more than the maximum replica count")
TOO_FEW = ("TooFewReplicas", "the desired replica count is less than the minimum replica count")
UP_LIMIT = ("ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate")
DOWN_LIMIT = ("ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate")
READY = ("ReadyForNewScale", "recommended size matches current size")
UP_STABILIZED = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
)
DOWN_STABILIZED = (
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
)
Why = tuple[str, str]
"""Reason and message."""


@dataclass
class Memory:
    """What is remembered of one autoscaler: (monotonic time, replicas) recommended, (time, change) carried out."""

    recommended: list[tuple[float, int]] = field(default_factory=list)
    scaled: list[tuple[float, int]] = field(default_factory=list)

    def recommend(self, now: float, replicas: int, keep: float) -> None:
        self.recommended = [(t, r) for t, r in self.recommended if now - t <= keep] + [(now, replicas)]

    def note(self, now: float, change: int, keep: float) -> None:
        self.scaled = [(t, c) for t, c in self.scaled if now - t <= keep] + [(now, change)]

    def change_within(self, now: float, seconds: float) -> int:
        """By how much the count has changed in the last seconds."""
        return sum(c for t, c in self.scaled if now - t < seconds)


@dataclass(frozen=True)
class Normalized:
    """replicas: what may be done now. able, limited: what conditions AbleToScale and ScalingLimited say."""

    replicas: int
    able: Why
    limited: Why


def minimum(hpa: Obj) -> int:
    least = hpa["spec"].get("minReplicas")
    return 1 if least is None else int(least)


def rules(hpa: Obj, direction: str) -> Obj:
    """direction: scaleUp or scaleDown."""
    found: Obj = (hpa["spec"].get("behavior") or {}).get(direction) or {}
    return found


def tolerances(hpa: Obj) -> Tolerances:
    def of(direction: str) -> float:
        given = rules(hpa, direction).get("tolerance")
        return TOLERANCE if given is None else quantity.parse(given) / quantity.NANO

    return Tolerances(of("scaleDown"), of("scaleUp"))


def window(hpa: Obj, direction: str) -> int:
    seconds = rules(hpa, direction).get("stabilizationWindowSeconds")
    return int(seconds) if seconds is not None else (DOWN_WINDOW_SECONDS if direction == "scaleDown" else 0)


def longest_period(hpa: Obj) -> float:
    periods = [p["periodSeconds"] for d in ("scaleUp", "scaleDown") for p in rules(hpa, d).get("policies") or []]
    return float(max(periods, default=0))


def normalize(hpa: Obj, memory: Memory, current: int, desired: int, now: float) -> Normalized:
    """From what the metrics ask for to what is done. Notes the recommendation."""
    if hpa["spec"].get("behavior") is None:
        recent = [r for t, r in memory.recommended if now - t < DOWN_WINDOW_SECONDS]
        stable = max([desired, *recent])
        why = DOWN_STABILIZED
        replicas, limited = _by_default_rules(hpa, current, stable)
    else:
        stable = _stabilized(hpa, memory, current, desired, now)
        why = UP_STABILIZED if desired >= current else DOWN_STABILIZED
        replicas, limited = _by_policies(hpa, memory, current, stable, now)
    keep = max(DOWN_WINDOW_SECONDS, window(hpa, "scaleUp"), window(hpa, "scaleDown"))
    memory.recommend(now, desired, keep)
    return Normalized(replicas, why if stable != desired else READY, limited if replicas != stable else WITHIN)


def _by_default_rules(hpa: Obj, current: int, desired: int) -> tuple[int, Why]:
    least, most = minimum(hpa), int(hpa["spec"]["maxReplicas"])
    limit = max(UP_FACTOR * current, UP_LEAST)
    if desired < least:
        return least, TOO_FEW
    if desired > min(most, limit):
        return (limit, UP_LIMIT) if most > limit else (most, TOO_MANY)
    return desired, WITHIN


def _stabilized(hpa: Obj, memory: Memory, current: int, desired: int, now: float) -> int:
    """The lowest recommendation of the one window when going up, the highest of the other when going down."""
    up = min([desired, *(r for t, r in memory.recommended if now - t < window(hpa, "scaleUp"))])
    down = max([desired, *(r for t, r in memory.recommended if now - t < window(hpa, "scaleDown"))])
    return min(max(current, up), down)


def _by_policies(hpa: Obj, memory: Memory, current: int, desired: int, now: float) -> tuple[int, Why]:
    if desired > current:
        limit = max(_limit(hpa, "scaleUp", memory, current, now), current)
        most = int(hpa["spec"]["maxReplicas"])
        if desired > min(most, limit):
            return (limit, UP_LIMIT) if most > limit else (most, TOO_MANY)
    elif desired < current:
        limit = min(_limit(hpa, "scaleDown", memory, current, now), current)
        least = minimum(hpa)
        if desired < max(least, limit):
            return (limit, DOWN_LIMIT) if least < limit else (least, TOO_FEW)
    return desired, WITHIN


def _limit(hpa: Obj, direction: str, memory: Memory, current: int, now: float) -> int:
    """How far the policies let it go at present."""
    given = rules(hpa, direction)
    choice = given.get("selectPolicy") or "Max"
    policies = given.get("policies") or []
    if choice == "Disabled" or not policies:
        return current
    limits = []
    for policy in policies:
        begin = current - memory.change_within(now, float(policy["periodSeconds"]))
        limits.append(_reach(begin, policy, up=direction == "scaleUp"))
    farthest: Callable[[list[int]], int] = max if direction == "scaleUp" else min
    nearest: Callable[[list[int]], int] = min if direction == "scaleUp" else max
    return nearest(limits) if choice == "Min" else farthest(limits)


def _reach(begin: int, policy: Obj, *, up: bool) -> int:
    """begin: the number of replicas when the policy's period began."""
    value = int(policy["value"])
    if policy.get("type") == "Pods":
        return begin + value if up else begin - value
    return ceil(round(begin * (1 + value / 100), 9)) if up else int(round(begin * (1 - value / 100), 9))
