"""What a StatefulSet's sync does next, and what its status says. Pure.

Order matters: pods come up one after the other, the lowest ordinal first, each after those before it are available, and
go the other way round (podManagementPolicy Parallel lifts that); scaling comes before updating.
Source: Kubernetes `pkg/controller/statefulset/stateful_set_control.go`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from minikctl.api.meta import Obj, Objects, generation, is_deleting, name
from minikctl.controllers.common import pods
from minikctl.controllers.stateful_set import identity, spec


@dataclass
class Plan:
    """create: ordinals; delete: pods to scale down, or to be made again; update: pods to be made anew of the new revision.

    relabel: pods whose labels do not say who they are. wait: seconds until time alone makes a pod available.
    """

    create: list[int] = field(default_factory=list)
    delete: Objects = field(default_factory=list)
    update: Objects = field(default_factory=list)
    relabel: Objects = field(default_factory=list)
    wait: float | None = None


def is_created(pod: Obj) -> bool:
    return bool(pods.phase(pod))


def is_ready(pod: Obj) -> bool:
    return pods.phase(pod) == "Running" and pods.is_ready(pod)


def is_available(pod: Obj, owner: Obj, now: datetime) -> bool:
    return is_ready(pod) and pods.available_in(pod, spec.min_ready_seconds(owner), now) == 0


def is_healthy(pod: Obj | None, owner: Obj, now: datetime) -> bool:
    return pod is not None and not is_deleting(pod) and is_available(pod, owner, now)


def plan(owner: Obj, members: Objects, update: Obj, now: datetime) -> Plan:
    """members: the pods of the StatefulSet; update: the revision of the present template."""
    out = Plan()
    if is_deleting(owner):
        return out
    by_ordinal = {spec.ordinal_of(p): p for p in members}
    replicas = [by_ordinal.get(i) for i in spec.ordinals(owner)]
    condemned = [p for i, p in by_ordinal.items() if i not in spec.ordinals(owner)]
    condemned.sort(key=lambda p: spec.ordinal_of(p) or 0, reverse=True)
    if _keep_up(out, owner, replicas, now) or _scale_down(out, owner, replicas, condemned, now):
        return out
    if spec.strategy(owner) != "OnDelete":
        _update(out, owner, replicas, update, now)
    return out


def _keep_up(out: Plan, owner: Obj, replicas: list[Obj | None], now: datetime) -> bool:
    """Pods that are missing or have ended. True: there is nothing else to be done before that has its effect."""
    in_turn = not spec.is_parallel(owner)
    for ordinal, pod in zip(spec.ordinals(owner), replicas, strict=True):
        if pod is None:
            out.create.append(ordinal)
        elif pods.is_terminal(pod):
            if not is_deleting(pod):
                out.delete.append(pod)
        elif not in_turn:
            _note_wait(out, owner, pod, now)
            _check_identity(out, pod)
            continue
        elif is_healthy(pod, owner, now):
            _check_identity(out, pod)
            continue
        else:
            _note_wait(out, owner, pod, now)
        if in_turn:
            return True
    return False


def _note_wait(out: Plan, owner: Obj, pod: Obj, now: datetime) -> None:
    left = pods.available_in(pod, spec.min_ready_seconds(owner), now)
    if left and not is_deleting(pod):
        out.wait = left if out.wait is None else min(out.wait, left)


def _check_identity(out: Plan, pod: Obj) -> None:
    if not is_deleting(pod) and identity.lost_labels(pod):
        out.relabel.append(pod)


def _scale_down(out: Plan, owner: Obj, replicas: list[Obj | None], condemned: Objects, now: datetime) -> bool:
    if spec.is_parallel(owner):
        out.delete += [p for p in condemned if not is_deleting(p)]
        return False
    if not condemned:
        return False
    ailing = [p for p in [*replicas, *reversed(condemned)] if not is_healthy(p, owner, now)]
    first_ailing = ailing[0] if ailing else None
    highest = condemned[0]
    if is_deleting(highest):
        return True
    waits = not is_available(highest, owner, now) and not pods.is_terminal(highest)  # what has ended gets no better
    if waits and highest is not first_ailing:
        _note_wait(out, owner, highest, now)
        return True
    out.delete.append(highest)
    return True


def _update(out: Plan, owner: Obj, replicas: list[Obj | None], update: Obj, now: datetime) -> None:
    """Of the old pods the highest ordinals first, as many as may be unavailable."""
    missing = sum(not is_healthy(p, owner, now) for p in replicas)
    allowed = spec.max_unavailable(owner) - missing
    for pod in reversed(replicas[spec.partition(owner) :]):
        if allowed <= 0:
            return
        if pod is None or is_deleting(pod) or spec.has_revision(pod, update):
            continue
        if pod not in out.delete:
            out.update.append(pod)
            allowed -= 1


def runs_current(owner: Obj, ordinal: int) -> bool:
    """Whether a pod that is made now is to be of the current revision, rather than of the update revision."""
    if spec.strategy(owner) != "RollingUpdate":
        return False
    place = ordinal - spec.start(owner)
    if spec.rolling(owner) is None:
        return place < int(owner.get("status", {}).get("currentReplicas") or 0)
    return place < spec.partition(owner)


# ---------------------------------------------------------------------- status


def status(owner: Obj, members: Objects, current: Obj, update: Obj, collisions: int, now: datetime) -> Obj:
    made = [p for p in members if is_created(p)]
    stay = [p for p in made if not is_deleting(p)]
    out: Obj = {
        "observedGeneration": max(generation(owner), int(owner.get("status", {}).get("observedGeneration") or 0)),
        "replicas": len(made),
        "readyReplicas": sum(is_ready(p) for p in members),
        "currentReplicas": sum(spec.has_revision(p, current) for p in stay),
        "updatedReplicas": sum(spec.has_revision(p, update) for p in stay),
        "currentRevision": name(current),
        "updateRevision": name(update),
        "collisionCount": collisions,
        "availableReplicas": sum(is_available(p, owner, now) for p in members),
    }
    conditions = owner.get("status", {}).get("conditions")
    if conditions:
        out["conditions"] = conditions
    return out


def completed(owner: Obj, fresh: Obj) -> Obj:
    """The status, with the update revision for the current one when all pods have arrived there."""
    total = fresh["replicas"]
    if spec.strategy(owner) != "RollingUpdate" or not fresh["updatedReplicas"] == fresh["readyReplicas"] == total:
        return fresh
    return {**fresh, "currentReplicas": fresh["updatedReplicas"], "currentRevision": fresh["updateRevision"]}


def trimmed(fresh: Obj) -> Obj:
    """Without the counters that Kubernetes leaves out when they are 0."""
    optional = ("readyReplicas", "currentReplicas", "updatedReplicas")
    return {k: v for k, v in fresh.items() if v or k not in optional}
