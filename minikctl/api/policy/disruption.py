"""PodDisruptionBudgets: which pods they cover, how many of them may go, and what their status says. Pure functions.

Source: Kubernetes `pkg/controller/disruption` and `component-helpers/apps/poddisruptionbudget`; concept "Disruptions".
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from minikctl.api.durations import parse_time
from minikctl.api.intstr import scaled
from minikctl.api.meta import (
    Obj,
    Objects,
    condition_is,
    find_condition,
    generation,
    is_deleting,
    labels_of,
    name,
    timestamp,
)
from minikctl.api.meta import namespace as namespace_of
from minikctl.api.selectors import SelectorError, from_label_selector

ALLOWED = "DisruptionAllowed"
SUFFICIENT, INSUFFICIENT, SYNC_FAILED = "SufficientPods", "InsufficientPods", "SyncFailed"
DELETION_TIMEOUT = timedelta(minutes=2)
"""How long an evicted pod counts as gone although nobody has deleted it."""
TARGET = "DisruptionTarget"
STALE_TARGET_SECONDS = 120.0


def selects(budget: Obj, pod: Obj) -> bool:
    """Whether the budget covers the pod. An empty selector covers its namespace, none covers nothing."""
    selector = (budget.get("spec") or {}).get("selector")
    if selector is None or namespace_of(budget) != namespace_of(pod):
        return False
    try:
        return from_label_selector(selector).matches(labels_of(pod))
    except SelectorError:
        return False


def of_pod(budgets: Iterable[Obj], pod: Obj) -> Objects:
    return [b for b in budgets if selects(b, pod)]


def has_bound(budget: Obj) -> bool:
    """Whether the budget says anything. One that does not allows nothing."""
    spec = budget.get("spec") or {}
    return spec.get("maxUnavailable") is not None or spec.get("minAvailable") is not None


def needs_scale(budget: Obj) -> bool:
    """Whether the budget is measured by what the pods' owners ask for, and not by the pods that are there."""
    spec = budget.get("spec") or {}
    return spec.get("maxUnavailable") is not None or isinstance(spec.get("minAvailable"), str)


def wanted(budget: Obj, expected: int) -> int:
    """How many of the expected pods must be healthy. Raises ValueError for a bound that is no percentage."""
    spec = budget.get("spec") or {}
    if spec.get("maxUnavailable") is not None:
        return max(0, expected - scaled(spec["maxUnavailable"], expected, round_up=True))
    if spec.get("minAvailable") is not None:
        return scaled(spec["minAvailable"], expected, round_up=True)
    return 0


def still_expected(budget: Obj, pods: Objects, now: datetime) -> tuple[dict[str, str], Objects, float | None]:
    """What evictions are still to be seen done.

    Returns status.disruptedPods without those that are on their way or overdue, the overdue pods, and the seconds until
    the next one is overdue.
    """
    noted: dict[str, str] = (budget.get("status") or {}).get("disruptedPods") or {}
    kept: dict[str, str] = {}
    overdue: Objects = []
    soonest: float | None = None
    for pod in pods:
        since = noted.get(name(pod))
        if since is None or is_deleting(pod):
            continue
        left = (parse_time(since) + DELETION_TIMEOUT - now).total_seconds()
        if left < 0:
            overdue.append(pod)
            continue
        kept[name(pod)] = since
        soonest = left if soonest is None else min(soonest, left)
    return kept, overdue, soonest


def healthy(pods: Objects, disrupted: dict[str, str]) -> int:
    """Pods that are ready and will stay."""
    return sum(1 for p in pods if not is_deleting(p) and name(p) not in disrupted and condition_is(p, "Ready"))


def status(budget: Obj, current: int, desired: int, expected: int, disrupted: dict[str, str], now: datetime) -> Obj:
    """The budget's status; the same as before when nothing has changed."""
    allowed = max(0, current - desired) if expected > 0 else 0
    fresh: Obj = {}
    if generation(budget):
        fresh["observedGeneration"] = generation(budget)
    if disrupted:
        fresh["disruptedPods"] = disrupted
    fresh |= {
        "disruptionsAllowed": allowed,
        "currentHealthy": current,
        "desiredHealthy": desired,
        "expectedPods": expected,
    }
    return with_verdict({**fresh, "conditions": (budget.get("status") or {}).get("conditions") or []}, now)


def with_verdict(of: Obj, now: datetime) -> Obj:
    """The status with the condition that its number of allowed disruptions means."""
    enough = of["disruptionsAllowed"] > 0
    return _with_condition(of, enough, SUFFICIENT if enough else INSUFFICIENT, "", now)


def failed(budget: Obj, why: str, now: datetime) -> Obj:
    """The status when the budget could not be worked out: nothing may go."""
    known = budget.get("status") or {}
    zeros = {"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0}
    return _with_condition({**zeros, **known, "disruptionsAllowed": 0}, False, SYNC_FAILED, why, now)


def _with_condition(of: Obj, is_true: bool, reason: str, message: str, now: datetime) -> Obj:
    conditions = of.get("conditions") or []
    old = find_condition(conditions, ALLOWED) or {}
    truth = "True" if is_true else "False"
    fresh: Obj = {"type": ALLOWED, "status": truth}
    if of.get("observedGeneration"):
        fresh["observedGeneration"] = of["observedGeneration"]
    changed = timestamp(now) if old.get("status") != truth else old.get("lastTransitionTime")
    fresh |= {"lastTransitionTime": changed, "reason": reason, "message": message}
    if old and all(old.get(f) == v for f, v in fresh.items()):
        return of
    placed = [fresh if c is old else c for c in conditions] if old else [*conditions, fresh]
    return {**of, "conditions": placed}


def targeted(pod: Obj, reason: str, message: str, now: datetime) -> Obj:
    """The pod with the condition that says why it is about to be removed."""
    known = (pod.get("status") or {}).get("conditions") or []
    old = find_condition(known, TARGET)
    fresh: Obj = {"type": TARGET}
    if generation(pod):
        fresh["observedGeneration"] = generation(pod)
    since = old.get("lastTransitionTime") if old and old.get("status") == "True" else timestamp(now)
    fresh |= {
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": since,
        "reason": reason,
        "message": message,
    }
    placed = [fresh if c is old else c for c in known] if old else [*known, fresh]
    return {**pod, "status": {**(pod.get("status") or {}), "conditions": placed}}


def stale_target_in(pod: Obj, now: datetime) -> float | None:
    """Seconds until the announcement of a removal that nobody carried out is void; None when there is none."""
    said = find_condition((pod.get("status") or {}).get("conditions") or [], TARGET)
    over = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    if said is None or said.get("status") != "True" or over or is_deleting(pod):
        return None
    if said.get("reason") == "TerminationByKubelet":
        return None
    since = said.get("lastTransitionTime")
    passed = (now - parse_time(since)).total_seconds() if since else STALE_TARGET_SECONDS
    return max(0.0, STALE_TARGET_SECONDS - passed)


def untargeted(pod: Obj, now: datetime) -> Obj:
    """The pod's status with the announcement taken back."""
    status = pod.get("status") or {}
    void: Obj = {"type": TARGET}
    if generation(pod):
        void["observedGeneration"] = generation(pod)
    void |= {"status": "False", "lastProbeTime": None, "lastTransitionTime": timestamp(now)}
    return {**status, "conditions": [void if c.get("type") == TARGET else c for c in status.get("conditions") or []]}
