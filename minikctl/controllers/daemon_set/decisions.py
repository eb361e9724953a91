"""Which pods a DaemonSet makes and deletes next, and what its status says. Pure.

Source: Kubernetes `pkg/controller/daemon/daemon_controller.go` (podsShouldBeOnNode) and `update.go` (rollingUpdate).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from minikctl.api.intstr import scaled
from minikctl.api.meta import Obj, Objects, generation, is_deleting, labels_of, name
from minikctl.controllers.common import pods
from minikctl.controllers.common.history import HASH_LABEL
from minikctl.controllers.daemon_set import placement

MOST_AT_ONCE = 250
ByNode = Mapping[str, Objects]


@dataclass
class Plan:
    """create: names of nodes; delete: pods; ended: those of `delete` that have failed or succeeded."""

    create: list[str] = field(default_factory=list)
    delete: Objects = field(default_factory=list)
    ended: Objects = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not self.create and not self.delete


def by_node(members: Objects) -> dict[str, Objects]:
    found: dict[str, Objects] = {}
    for pod in members:
        node = placement.target(pod)
        if node:
            found.setdefault(node, []).append(pod)
    return found


def in_age(members: Objects) -> Objects:
    """Pods with a node first, then the oldest."""

    def rank(pod: Obj) -> tuple[bool, str, str]:
        return (not pod["spec"].get("nodeName"), pod["metadata"].get("creationTimestamp") or "", name(pod))

    return sorted(members, key=rank)


def is_updated(pod: Obj, hash_: str) -> bool:
    return labels_of(pod).get(HASH_LABEL) == hash_


def min_ready_seconds(owner: Obj) -> int:
    return int(owner["spec"].get("minReadySeconds") or 0)


def is_available(pod: Obj, owner: Obj, now: datetime) -> bool:
    return pods.available_in(pod, min_ready_seconds(owner), now) == 0


def is_rolling(owner: Obj) -> bool:
    return (owner["spec"].get("updateStrategy") or {}).get("type") == "RollingUpdate"


def limits(owner: Obj, nodes: int) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) in pods, both rounded up; (0, 1) when both come out as 0."""
    rolling = (owner["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
    if not is_rolling(owner):
        return 0, 0
    surge = scaled(rolling.get("maxSurge") or 0, nodes, round_up=True)
    unavailable = rolling.get("maxUnavailable")
    missing = scaled(1 if unavailable is None else unavailable, nodes, round_up=True)
    return (0, 1) if not surge and not missing else (surge, missing)


# ---------------------------------------------------------------------- every node its pod


def manage(owner: Obj, nodes: Objects, members: Objects, hash_: str, now: datetime) -> Plan:
    """One pod on each node that wants one, and none elsewhere."""
    plan, placed = Plan(), by_node(members)
    surges = limits(owner, len(nodes))[0] > 0
    for node in nodes:
        _manage_node(plan, owner, node, placed.get(name(node)), hash_, surges, now)
    present = {name(n) for n in nodes}
    for node_name, stranded in placed.items():
        if node_name not in present:  # their node is gone before the scheduler could place them
            plan.delete += [p for p in stranded if not p["spec"].get("nodeName") and not is_deleting(p)]
    return plan


def _manage_node(
    plan: Plan, owner: Obj, node: Obj, there: Objects | None, hash_: str, surges: bool, now: datetime
) -> None:
    wanted, may_stay = placement.fits(owner, node)
    if there is None:
        if wanted:
            plan.create.append(name(node))
        return
    alive = [p for p in there if not is_deleting(p)]
    if not may_stay:
        plan.delete += alive
        return
    ended = [p for p in alive if pods.is_terminal(p)]
    plan.ended += ended
    plan.delete += ended
    running = in_age([p for p in alive if not pods.is_terminal(p)])
    if not surges:
        plan.delete += running[1:]
    elif not running:
        if wanted:
            plan.create.append(name(node))
    elif len(running) > 1:
        plan.delete += _of_two(owner, running, hash_, now)


def _of_two(owner: Obj, running: Objects, hash_: str, now: datetime) -> Objects:
    """While a new pod starts beside an old one that is ready, both stay; everything else is too much."""
    new = [p for p in running if is_updated(p, hash_)]
    old = [p for p in running if not is_updated(p, hash_)]
    doomed = [*new[1:], *old[1:]]
    if new and old and (not pods.is_ready(old[0]) or is_available(new[0], owner, now)):
        doomed.append(old[0])
    return doomed


# ---------------------------------------------------------------------- from one template to the next


def roll(owner: Obj, nodes: Objects, members: Objects, hash_: str, now: datetime) -> Plan:
    """The next step of a rolling update; to be asked when `manage` has nothing to do."""
    wanted = sum(placement.fits(owner, n)[0] for n in nodes)
    surge, unavailable = limits(owner, wanted)
    present = {name(n) for n in nodes}  # a pod made for a node that is gone would be deleted at once, and made again
    placed = {node: there for node, there in by_node(members).items() if node in present}
    if surge:
        return _surge(owner, placed, hash_, surge, now)
    return _replace(owner, placed, hash_, unavailable, now)


def _pair(there: Objects, hash_: str) -> tuple[Obj | None, Obj | None] | None:
    """(the new pod, the old one) of a node; None when there are more than that."""
    alive = [p for p in there if not is_deleting(p)]
    new = [p for p in alive if is_updated(p, hash_)]
    old = [p for p in alive if not is_updated(p, hash_)]
    if len(new) > 1 or len(old) > 1:
        return None
    return (new[0] if new else None), (old[0] if old else None)


def _replace(owner: Obj, placed: ByNode, hash_: str, allowed: int, now: datetime) -> Plan:
    """Old pods that are no good go at once, others as far as maxUnavailable allows."""
    missing = 0
    broken: Objects = []
    good: Objects = []
    for _, there in sorted(placed.items()):
        pair = _pair(there, hash_)
        new, old = pair or (None, None)
        if pair is None or (new is None) == (old is None):
            missing += 1
        elif new is not None:
            missing += not is_available(new, owner, now)
        elif old is not None and is_available(old, owner, now):
            good.append(old)
        elif old is not None:
            broken.append(old)
            missing += 1
    return Plan(delete=broken + good[: max(allowed - missing, 0)])


def _surge(owner: Obj, placed: ByNode, hash_: str, allowed: int, now: datetime) -> Plan:
    """New pods beside the old ones, which go when the new ones are available."""
    surging = 0
    done: Objects = []
    needed: list[str] = []
    candidates: list[str] = []
    for node, there in sorted(placed.items()):
        pair = _pair(there, hash_)
        if pair is None:
            surging += 1
            continue
        new, old = pair
        if old is None:
            continue
        if new is None:
            (candidates if is_available(old, owner, now) else needed).append(node)
        elif is_available(new, owner, now):
            done.append(old)
        else:
            surging += 1
    return Plan(create=needed + candidates[: max(allowed - surging, 0)], delete=done)


# ---------------------------------------------------------------------- status


def status(owner: Obj, nodes: Objects, members: Objects, hash_: str, now: datetime, *, observed: bool) -> Obj:
    """observed: whether this generation of the spec has been acted upon."""
    placed = by_node(members)
    desired = current = astray = ready = updated = available = 0
    for node in nodes:
        there = in_age(placed.get(name(node)) or [])
        if not placement.fits(owner, node)[0]:
            astray += bool(there)
            continue
        desired += 1
        if there:
            current += 1
            ready += pods.is_ready(there[0])
            available += is_available(there[0], owner, now)
            updated += is_updated(there[0], hash_)
    before = owner.get("status") or {}
    out: Obj = {
        "currentNumberScheduled": current,
        "numberMisscheduled": astray,
        "desiredNumberScheduled": desired,
        "numberReady": ready,
        "observedGeneration": generation(owner) if observed else before.get("observedGeneration"),
        "updatedNumberScheduled": updated,
        "numberAvailable": available,
        "numberUnavailable": desired - available,
    }
    optional = ("observedGeneration", "updatedNumberScheduled", "numberAvailable", "numberUnavailable")
    kept = {k: before[k] for k in ("collisionCount", "conditions") if k in before}
    return {k: v for k, v in out.items() if v or k not in optional} | kept


def next_check(owner: Obj, members: Objects, now: datetime) -> float | None:
    """Seconds until time alone makes a pod available."""
    waits = [pods.available_in(p, min_ready_seconds(owner), now) for p in members]
    return min((w for w in waits if w), default=None)
