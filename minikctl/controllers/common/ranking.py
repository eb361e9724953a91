"""Which pods go first when there are too many.

In this order, each rule deciding only where those before it see no difference:

1. not assigned to a node
2. Pending before Unknown before Running
3. not ready
4. lower `controller.kubernetes.io/pod-deletion-cost`
5. more replicas of the same owner on its node
6. ready for a shorter time
7. more restarts (sidecars' restarts after those of ordinary containers)
8. newer

Ages in 6 and 8 are compared by order of magnitude (logarithm to base 2); within one, the uid decides, which is as good
as random, so that pods of about the same age are spread. Source: Kubernetes `ActivePodsWithRanks` and KEP-2185.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import cmp_to_key
from math import log2

from minikctl.api.durations import parse_time
from minikctl.api.meta import Obj, Objects, annotations_of, uid
from minikctl.controllers.common import pods

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}
_COST = re.compile(r"^(0|-?[1-9][0-9]*|\+[1-9][0-9]*)$")
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the comparison needs of a pod, looked up once."""

    pod: Obj
    node: str
    state: tuple[int, bool, int, int]
    """Phase, readiness, deletion cost, and minus the number of replicas on the node: rules 2 to 5."""
    ready_since: datetime | None
    restarts: tuple[int, int]
    created: datetime | None
    uid: str


def pods_to_delete(candidates: Objects, related: Objects, count: int, now: datetime) -> Objects:
    """`count` of the candidates, the most dispensable first. `related`: all pods of the same owner (or its siblings)."""
    if count >= len(candidates):
        return candidates
    on_node = Counter(_node(p) for p in related if pods.is_active(p))
    facts = [_facts(p, on_node[_node(p)]) for p in candidates]
    facts.sort(key=cmp_to_key(lambda a, b: _compare(a, b, now)))
    return [f.pod for f in facts[:count]]


def deletion_cost(pod: Obj) -> int:
    """The annotation's value; 0 without it, or when it is no 32 bit number."""
    text = annotations_of(pod).get(DELETION_COST, "")
    if not _COST.match(text):
        return 0
    cost = int(text)
    return cost if -(2**31) <= cost < 2**31 else 0


def _node(pod: Obj) -> str:
    return pod.get("spec", {}).get("nodeName") or ""


def _facts(pod: Obj, doubled: int) -> _Facts:
    created = pod["metadata"].get("creationTimestamp")
    state = (_PHASES.get(pods.phase(pod), 0), pods.is_ready(pod), deletion_cost(pod), -doubled)
    return _Facts(
        pod,
        _node(pod),
        state,
        pods.ready_since(pod),
        pods.max_restarts(pod),
        parse_time(created) if created else None,
        uid(pod),
    )


def _compare(a: _Facts, b: _Facts, now: datetime) -> int:
    """Negative when `a` goes first."""
    if bool(a.node) != bool(b.node):
        return 1 if a.node else -1
    if a.state != b.state:
        return -1 if a.state < b.state else 1
    ready = a.state[1]
    if ready and a.ready_since != b.ready_since:
        return _by_age(a.ready_since, b.ready_since, a, b, now)
    if a.restarts != b.restarts:
        return -1 if a.restarts > b.restarts else 1
    if a.created != b.created:
        return _by_age(a.created, b.created, a, b, now)
    return 0


def _by_age(first: datetime | None, second: datetime | None, a: _Facts, b: _Facts, now: datetime) -> int:
    """The younger first; a time that is not known counts as the youngest."""
    if first is None or second is None:
        return -1 if first is None else 1
    difference = _magnitude(first, now) - _magnitude(second, now)
    if difference:
        return difference
    return -1 if a.uid < b.uid else 1


def _magnitude(moment: datetime, now: datetime) -> int:
    nanoseconds = int((now - moment).total_seconds() * _NANOSECONDS)
    return int(log2(nanoseconds)) if nanoseconds > 0 else -1
