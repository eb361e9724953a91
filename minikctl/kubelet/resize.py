"""Resizing pods in place: what a pod's containers are allotted on this node, and what a wish for more comes to.

A wish is granted at once when the node has room, waits (Deferred) while other pods take the room, and is hopeless
(Infeasible) when the node is too small. What is granted is in progress until the containers that run have it. Pure
decisions. Source: KEP-1287, kubelet `allocation/allocation_manager.go`, `events/resize.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from minikctl.api import quantity
from minikctl.api.meta import Obj
from minikctl.api.policy import amounts
from minikctl.api.policy.pod_resources import LIMITS, REQUESTS, of_pod
from minikctl.util.jsonio import compact

INFEASIBLE, DEFERRED = "Infeasible", "Deferred"
PENDING_EVENTS = {INFEASIBLE: "ResizeInfeasible", DEFERRED: "ResizeDeferred"}
STARTED, COMPLETED, ERROR = "ResizeStarted", "ResizeCompleted", "ResizeError"
_MEASURED = (("memory", quantity.value), ("cpu", quantity.milli))

Allotted = Mapping[str, Obj]
"""Container name → the resources in force for it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A resize that was granted and is not in force everywhere. generation: the pod's that asked for it. error: why it
    cannot be put in force, yet."""

    generation: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Behind:
    """A run of a container that has still what it had before."""

    container_id: str
    resources: Obj


@dataclass(frozen=True, slots=True)
class Verdict:
    """allotted: what holds from now on. pending: (reason, message) of a wish that is not granted.

    restart: the containers that must be restarted for what they are given now.
    """

    allotted: Allotted
    pending: tuple[str, str] = ("", "")
    restart: frozenset[str] = frozenset()


def resizable(pod: Obj) -> list[Obj]:
    """The containers that a resize may concern: regular ones and sidecars."""
    spec = pod["spec"]
    sidecars = [c for c in spec.get("initContainers") or [] if c.get("restartPolicy") == "Always"]
    return [*sidecars, *(spec.get("containers") or [])]


def wanted(pod: Obj) -> Allotted:
    return {c["name"]: _resources(c) for c in resizable(pod)}


def reported(pod: Obj) -> Allotted:
    """What the pod's status says that its containers have: what an agent before this one granted."""
    status = pod.get("status") or {}
    known = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    return {s["name"]: s["resources"] for s in known if s.get("resources") is not None}


def decide(pod: Obj, allotted: Allotted, allocatable: Mapping[str, str], others: Sequence[Obj]) -> Verdict:
    """`others`: the pods that share the node and have not ended."""
    wish = wanted(pod)
    have = {name: allotted.get(name, resources) for name, resources in wish.items()}
    if have == wish:
        return Verdict(have)
    pending = _too_much(pod, allocatable, others)
    if pending[0]:
        return Verdict(have, pending)
    restart = frozenset(c["name"] for c in resizable(pod) if _needs_restart(c, have[c["name"]]))
    return Verdict(wish, restart=restart)


def with_allotted(pod: Obj, allotted: Allotted) -> Obj:
    """The pod as if it asked for what it has been granted."""
    spec = pod["spec"]
    changed = {
        field: [{**c, "resources": allotted.get(c["name"], c.get("resources") or {})} for c in spec[field]]
        for field in ("initContainers", "containers")
        if spec.get(field)
    }
    return {**pod, "spec": {**spec, **changed}}


def summary(words: str, pod: Obj, generation: int, error: str = "") -> str:
    """What an Event about a resize says: in words, and all resources as JSON."""
    told: Obj = {}
    for field in ("initContainers", "containers"):
        listed = [{"name": c["name"], "resources": c.get("resources") or {}} for c in pod["spec"].get(field) or []]
        told |= {field: listed} if listed else {}
    told["generation"] = generation
    if error:
        told["error"] = error
    return f"Pod resize {words}: {compact(told).decode()}"


def lowered_memory(have: Obj, wish: Obj) -> int:
    """The new memory limit in bytes where it is lower than the one before, else 0."""
    before, after = (quantity.value((r.get(LIMITS) or {}).get("memory", "0")) for r in (have, wish))
    return after if not before or after < before else 0


def _resources(container: Obj) -> Obj:
    return {k: v for k, v in (container.get("resources") or {}).items() if k != "claims"}


def _too_much(pod: Obj, allocatable: Mapping[str, str], others: Sequence[Obj]) -> tuple[str, str]:
    asked = of_pod({"spec": pod["spec"]}, REQUESTS)
    used = amounts.total(of_pod(p, REQUESTS) for p in others)
    for name, measure in _MEASURED:
        wants, there = measure(asked.get(name, "0")), measure(allocatable.get(name, "0"))
        if name in allocatable and wants > there:
            why = f"Node didn't have enough capacity: {name}, requested: {wants}, capacity: {there}"
            return INFEASIBLE, why
    for name, measure in reversed(_MEASURED):
        wants, taken, there = (measure(a.get(name, "0")) for a in (asked, used, allocatable))
        if name in allocatable and wants > there - taken:
            why = f"Node didn't have enough resource: {name}, requested: {wants}, used: {taken}, capacity: {there}"
            return DEFERRED, why
    return "", ""


def _needs_restart(container: Obj, have: Obj) -> bool:
    """Whether something changes of which the container says that it only looks when it starts."""
    policies = {p["resourceName"]: p.get("restartPolicy") for p in container.get("resizePolicy") or []}
    wish = _resources(container)
    return any(
        policies.get(name) == "RestartContainer"
        and (wish.get(field) or {}).get(name) != (have.get(field) or {}).get(name)
        for field in ("requests", "limits")
        for name in ("cpu", "memory")
    )
