"""Pods: their number, and what they ask for, until they have ended.

Source: Kubernetes `pkg/quota/v1/evaluator/core/pods.go`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from minikctl.api.durations import parse_time
from minikctl.api.meta import Obj
from minikctl.api.policy import amounts, pod_resources
from minikctl.api.policy.amounts import Amounts
from minikctl.api.policy.pod_resources import LIMITS, REQUESTS
from minikctl.api.policy.quota.measures import Measure, count_name
from minikctl.api.policy.quota.scopes import holds
from minikctl.api.qos import BEST_EFFORT, qos_class
from minikctl.api.validation.resources import is_extended, is_huge_page, is_native

COUNT = count_name("pods")
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_NAMES = frozenset({COUNT, "pods", *_COMPUTE, *(f"{k}.{n}" for k in (REQUESTS, LIMITS) for n in _COMPUTE)})
_DEMANDED = frozenset({"cpu", "memory", *(f"{k}.{n}" for k in (REQUESTS, LIMITS) for n in ("cpu", "memory"))})
"""What each container must name when a quota limits it. An old mistake that cannot be taken back."""


def names(name: str) -> bool:
    if name in _NAMES or is_huge_page(name.removeprefix("requests.")):
        return True
    return not is_native(name) and name.startswith("requests.")


def usage(pod: Obj, now: datetime) -> Amounts:
    """Every pod counts as an object; only one that has not ended counts as a pod, with what it asks for."""
    used: Amounts = {COUNT: "1"}
    if not is_charged(pod, now):
        return used
    return used | _compute(pod_resources.of_pod(pod, REQUESTS), pod_resources.of_pod(pod, LIMITS))


def is_charged(pod: Obj, now: datetime) -> bool:
    """False when it has ended, or should have: a lost node must not hold a quota back."""
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return False
    meta = pod.get("metadata") or {}
    deleted, grace = meta.get("deletionTimestamp"), meta.get("deletionGracePeriodSeconds")
    if not deleted or grace is None:
        return True
    return now <= parse_time(deleted) + timedelta(seconds=grace)


def _compute(requests: Amounts, limits: Amounts) -> Amounts:
    used: Amounts = {"pods": "1"}
    for name in _COMPUTE:
        if name in requests:
            used[name] = used[f"requests.{name}"] = requests[name]
        if name in limits:
            used[f"limits.{name}"] = limits[name]
    for name, amount in requests.items():
        if is_huge_page(name):
            used[name] = used[f"requests.{name}"] = amount
        elif is_extended(name):
            used[f"requests.{name}"] = amount
    return used


def constraint(required: list[str], pod: Obj) -> str:
    spec = pod.get("spec") or {}
    if any((spec.get("resources") or {}).get(what) for what in (REQUESTS, LIMITS)):
        return ""
    demanded = _DEMANDED.intersection(required)
    missing: dict[str, set[str]] = {}
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        given = _compute(*(pod_resources.of_container(container, what) for what in (REQUESTS, LIMITS)))
        for name in demanded - given.keys():
            missing.setdefault(name, set()).add(container.get("name", ""))
    if not missing:
        return ""
    return "must specify " + "; ".join(f"{n} for: {','.join(sorted(missing[n]))}" for n in sorted(missing))


def selects(scope: Obj, pod: Obj) -> bool:
    spec = pod.get("spec") or {}
    match scope.get("scopeName"):
        case "Terminating":
            return _has_deadline(spec)
        case "NotTerminating":
            return not _has_deadline(spec)
        case "BestEffort":
            return qos_class(pod) == BEST_EFFORT
        case "NotBestEffort":
            return qos_class(pod) != BEST_EFFORT
        case "PriorityClass":
            given = spec.get("priorityClassName")
            return holds(scope, [given] if given else [])
        case "CrossNamespacePodAffinity":
            return _looks_elsewhere(spec)
    return False


def _has_deadline(spec: Obj) -> bool:
    deadline = spec.get("activeDeadlineSeconds")
    return deadline is not None and int(deadline) >= 0


def _looks_elsewhere(spec: Obj) -> bool:
    """Whether an affinity term names namespaces, or selects them."""
    for kind in ("podAffinity", "podAntiAffinity"):
        affinity = (spec.get("affinity") or {}).get(kind) or {}
        terms = list(affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or [])
        preferred = affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or []
        terms += [w.get("podAffinityTerm") or {} for w in preferred]
        if any(t.get("namespaces") or t.get("namespaceSelector") is not None for t in terms):
            return True
    return False


def _handles(operation: str, subresource: str, _new: Obj, _old: Obj | None) -> bool:
    return operation == "CREATE" if not subresource else (operation, subresource) == ("UPDATE", "resize")


def _shrinks(old: Obj, new: Obj, now: datetime) -> bool:
    if is_charged(old, now) and not is_charged(new, now):
        return True
    before, after = usage(old, now), usage(new, now)
    return not amounts.equal(before, after)


MEASURE = Measure("pods", names, usage, _handles, selects, constraint, _shrinks)
