"""How many replicas a metric asks for. Pure.

The ratio of what is to what should be, times the number of pods that the ratio was measured on; nothing changes while it
is near enough to 1. Pods that say nothing yet are counted so that they can only make a change smaller.
Source: Kubernetes `pkg/controller/podautoscaler/replica_calculator.go`, concept "Horizontal Pod Autoscaling".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from minikctl.api import quantity
from minikctl.api.durations import parse_time
from minikctl.api.meta import Obj, Objects, condition, is_deleting, name
from minikctl.controllers.common import pods

CPU_INITIALIZATION = timedelta(minutes=5)
INITIAL_READINESS = timedelta(seconds=30)
TOLERANCE = 0.1
Requests = Mapping[str, int]


class Unknown(Exception):
    """The metric says nothing; the message says why."""


@dataclass(frozen=True)
class Sample:
    """What one pod used: thousandths of a unit, when it was measured, and over how many seconds."""

    value: int
    at: datetime
    window: float


Samples = Mapping[str, Sample]
"""By pod."""


@dataclass(frozen=True)
class Tolerances:
    """How far the ratio may be below and above 1."""

    down: float = TOLERANCE
    up: float = TOLERANCE

    def allow(self, ratio: float) -> bool:
        return 1.0 - self.down <= ratio <= 1.0 + self.up


@dataclass(frozen=True)
class Proposal:
    """replicas: wanted by one metric. utilization: in percent of the requests; usage: thousandths, a pod's average."""

    replicas: int
    usage: int
    utilization: int | None = None


@dataclass
class Groups:
    ready: int = 0
    unready: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def group(members: Objects, samples: Samples, resource: str, now: datetime) -> Groups:
    """Which pods count in which way."""
    groups = Groups()
    for pod in members:
        if is_deleting(pod) or pods.phase(pod) == "Failed":
            groups.ignored.append(name(pod))
        elif pods.phase(pod) == "Pending":
            groups.unready.append(name(pod))
        elif name(pod) not in samples:
            groups.missing.append(name(pod))
        elif resource == "cpu" and _still_starts(pod, samples[name(pod)], now):
            groups.unready.append(name(pod))
        else:
            groups.ready += 1
    return groups


def _still_starts(pod: Obj, sample: Sample, now: datetime) -> bool:
    """A pod that starts uses CPU that it will not use later."""
    ready, started = condition(pod, "Ready"), pod.get("status", {}).get("startTime")
    if ready is None or not started:
        return True
    begin, changed = parse_time(started), parse_time(ready.get("lastTransitionTime") or started)
    if begin + CPU_INITIALIZATION > now:
        return ready.get("status") == "False" or sample.at < changed + timedelta(seconds=sample.window)
    return ready.get("status") == "False" and begin + INITIAL_READINESS > changed


def requests_of(members: Objects, resource: str, container: str) -> Requests:
    """Thousandths that each pod requests. Raises Unknown when one does not say."""
    found = {}
    for pod in members:
        spec = pod.get("spec", {})
        sidecars = [c for c in spec.get("initContainers") or [] if c.get("restartPolicy") == "Always"]
        listed = [c for c in [*(spec.get("containers") or []), *sidecars] if not container or c["name"] == container]
        total = 0
        for one in listed:
            asked = ((one.get("resources") or {}).get("requests") or {}).get(resource)
            if asked is None:
                raise Unknown(f"missing request for {resource} in container {one['name']} of Pod {name(pod)}")
            total += quantity.milli(asked)
        found[name(pod)] = total
    return found


# ---------------------------------------------------------------------- the two kinds of target


def by_utilization(
    members: Objects,
    samples: Samples,
    resource: str,
    container: str,
    target: int,
    current: int,
    tolerances: Tolerances,
    now: datetime,
) -> Proposal:
    """target: percent of what the pods request. current: the number of replicas now. Raises Unknown."""
    groups, known = _known(members, samples, resource, now)
    requests = requests_of(members, resource, container)

    def ratio(values: Mapping[str, int]) -> tuple[float, int]:
        counted = {p: v for p, v in values.items() if p in requests}
        asked = sum(requests[p] for p in counted)
        if not asked:
            raise Unknown("no metrics returned matched known pods")
        utilization = sum(counted.values()) * 100 // asked
        return utilization / target, utilization

    first, utilization = ratio(known)
    usage = sum(known.values()) // len(known)

    def full(pod: str) -> int:
        return requests[pod] * max(100, target) // 100

    replicas = _decide(groups, known, first, lambda v: ratio(v)[0], full, current, tolerances)
    return Proposal(replicas, usage, utilization)


def by_value(
    members: Objects,
    samples: Samples,
    resource: str,
    target: int,
    current: int,
    tolerances: Tolerances,
    now: datetime,
) -> Proposal:
    """target: thousandths that each pod should use on average. Raises Unknown."""
    groups, known = _known(members, samples, resource, now)

    def ratio(values: Mapping[str, int]) -> float:
        return (sum(values.values()) // len(values)) / target

    usage = sum(known.values()) // len(known)
    return Proposal(_decide(groups, known, ratio(known), ratio, lambda _pod: target, current, tolerances), usage)


def _known(members: Objects, samples: Samples, resource: str, now: datetime) -> tuple[Groups, dict[str, int]]:
    if not members:
        raise Unknown("no pods returned by selector while calculating replica count")
    groups = group(members, samples, resource, now)
    left_out = {*groups.ignored, *groups.unready}
    known = {p: s.value for p, s in samples.items() if p not in left_out}
    if not known:
        raise Unknown("did not receive metrics for targeted pods (pods might be unready)")
    return groups, known


def _decide(
    groups: Groups,
    known: dict[str, int],
    first: float,
    ratio: Callable[[Mapping[str, int]], float],
    full: Callable[[str], int],
    current: int,
    tolerances: Tolerances,
) -> int:
    """first: the ratio of the pods that are known. full: what a pod that says nothing is taken to use, at the most."""
    unready_hold_back = bool(groups.unready) and first > 1.0
    if not unready_hold_back and not groups.missing:
        return current if tolerances.allow(first) else ceil(round(first * groups.ready, 9))
    values = dict(known)
    for pod in groups.missing:
        if first < 1.0:
            values[pod] = full(pod)
        elif first > 1.0:
            values[pod] = 0
    if unready_hold_back:
        values |= dict.fromkeys(groups.unready, 0)
    second = ratio(values)
    if tolerances.allow(second) or (first < 1.0 < second) or (second < 1.0 < first):
        return current
    wanted = ceil(round(second * len(values), 9))
    turned = (second < 1.0 and wanted > current) or (second > 1.0 and wanted < current)
    return current if turned else wanted
