"""Which pods a node ends for a critical one that does not fit. Pure.

A critical pod (a static one, or of a priority from 2000000000 on) is not refused for want of resources: the fewest and
smallest pods go that are not critical or of a lower priority, those of a better quality of service last.
Source: kubelet `preemption/preemption.go`, `types/pod_update.go`; concept "Guaranteed Scheduling For Critical Add-On Pods".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from minikctl.api.meta import Obj
from minikctl.api.qos import BEST_EFFORT, BURSTABLE, GUARANTEED, qos_class
from minikctl.api.scheduling import Amounts
from minikctl.kubelet.eviction.decisions import is_critical, priority

REASON, MESSAGE = "Preempting", "Preempted in order to admit critical pod"
DISRUPTION = "Pod was preempted by Kubelet to accommodate a critical pod."
FAILED = "UnexpectedAdmissionError"

Shortage = Mapping[str, int]
"""Resource → how much of it is missing."""


class NothingToPreempt(Exception):
    """Whatever may be ended would not make enough room."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pod that is here, and what it takes of the node."""

    pod: Obj
    requests: Amounts

    def of(self, resource: str) -> int:
        return 1 if resource == "pods" else self.requests.get(resource, 0)


def may_preempt(critical: Obj, other: Obj) -> bool:
    return (is_critical(critical) and not is_critical(other)) or priority(critical) > priority(other)


def victims(critical: Obj, here: Iterable[Candidate], missing: Shortage) -> list[Candidate]:
    """The pods to end, so that nothing is missing any more. Raises NothingToPreempt."""
    by_class: dict[str, list[Candidate]] = {BEST_EFFORT: [], BURSTABLE: [], GUARANTEED: []}
    for one in here:
        if may_preempt(critical, one.pod):
            by_class[qos_class(one.pod)].append(one)
    best_effort, burstable, guaranteed = by_class.values()
    left = _without(missing, [*best_effort, *burstable, *guaranteed])
    if left:
        raise NothingToPreempt(_text(left))
    third = _fewest(guaranteed, _without(missing, [*best_effort, *burstable]))
    second = _fewest(burstable, _without(missing, [*best_effort, *third]))
    first = _fewest(best_effort, _without(missing, [*second, *third]))
    return [*first, *second, *third]


def _fewest(pods: Sequence[Candidate], missing: Shortage) -> list[Candidate]:
    """Again and again the one that comes closest to what is missing, of equals the smaller."""
    rest, chosen = list(pods), []
    while missing and rest:
        best = min(rest, key=lambda c: (_distance(c, missing), c.of("memory"), c.of("cpu")))
        rest.remove(best)
        chosen.append(best)
        missing = _without(missing, [best])
    return chosen


def _distance(one: Candidate, missing: Shortage) -> float:
    """What would still be missing, each resource by its own measure."""
    parts = ((amount - one.of(resource)) / amount for resource, amount in missing.items())
    return sum(part**2 for part in parts if part > 0)


def _without(missing: Shortage, pods: Sequence[Candidate]) -> Shortage:
    left = {resource: amount - sum(p.of(resource) for p in pods) for resource, amount in missing.items()}
    return {resource: amount for resource, amount in left.items() if amount > 0}


def _text(missing: Shortage) -> str:
    listed = "".join(f"(res: {resource}, q: {amount}), " for resource, amount in missing.items())
    return f"preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [{listed}]"
