"""DefaultPreemption: when no node fits, pods of lower priority make room (KEP-564).

The victims are deleted with their own grace; the pod is nominated to the node and tried again when they are gone.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, generation
from minikctl.client import DeleteOptions
from minikctl.scheduler import preemption
from minikctl.scheduler.diagnosis import Diagnosis
from minikctl.scheduler.framework import CycleState, Handle, Plugin, Status, unschedulable
from minikctl.scheduler.node_info import PodInfo

log = logging.getLogger("scheduler")
BUDGETS = "poddisruptionbudgets"


def post_filter(cycle: CycleState, pod: PodInfo, statuses: Mapping[str, Status]) -> tuple[str | None, Status]:
    node = pod.nominated
    why = preemption.refusal(pod, cycle.cache.node(node) if node else None, statuses.get(node))
    if why:
        return None, unschedulable(f"preemption: {why}")
    lister = cycle.listers.get(BUDGETS)
    budgets = lister.list() if lister is not None else []
    found, others = preemption.candidates(cycle, pod, statuses, budgets)
    if found:
        chosen = preemption.best(found)
        _remove(cycle, pod, chosen)
        return chosen.node, unschedulable()
    said = Diagnosis(len(cycle.cache.nodes), absent=preemption.NOT_HELPFUL)
    said.statuses = others
    return "", unschedulable(f"preemption: {said.message()}")


def _remove(cycle: CycleState, pod: PodInfo, chosen: preemption.Candidate) -> None:
    """Delete the victims; pods of lower priority that were nominated to this node must look again."""
    handle = cycle.handle
    for victim in chosen.victims:
        if not victim.terminating:
            handle.submit(lambda victim=victim: _evict(handle, pod, victim, chosen.node))  # type: ignore[misc]
    for other in cycle.nominated.get(chosen.node, ()):
        if other.priority < pod.priority:
            handle.submit(lambda other=other: _unnominate(handle, other))  # type: ignore[misc]


def _evict(handle: Handle, pod: PodInfo, victim: PodInfo, node: str) -> None:
    """Runs in another thread."""
    if handle.client is None:
        return
    disrupted: Obj = {
        "type": preemption.TARGET,
        **({"observedGeneration": seen} if (seen := generation(victim.obj)) else {}),
        "status": "True",
        "reason": preemption.REASON,
        "message": f"{pod.spec.get('schedulerName') or 'default-scheduler'}: preempting to accommodate a higher "
        "priority pod",
        "lastTransitionTime": handle.now(),
    }
    patch = {"status": {"conditions": [disrupted]}}
    try:
        handle.client.patch("pods", victim.name, patch, victim.namespace, patch_type="strategic", subresource="status")
        handle.client.delete("pods", victim.name, victim.namespace, options=DeleteOptions(uid=victim.uid))
    except ApiError as e:
        if e.reason != "NotFound":
            log.warning("%s could not be removed for %s: %s", victim.key, pod.key, e.message)
            handle.retry(pod.uid)
        return
    if handle.recorder is not None:
        handle.recorder.normal(victim.obj, "Preempted", f"Preempted by pod {pod.uid} on node {node}")


def _unnominate(handle: Handle, pod: PodInfo) -> None:
    if handle.client is None:
        return
    try:
        patch = {"status": {"nominatedNodeName": None}}
        handle.client.patch("pods", pod.name, patch, pod.namespace, subresource="status")
    except ApiError as e:
        if e.reason != "NotFound":
            raise


PLUGIN = Plugin("DefaultPreemption", order=150, listers=(BUDGETS,), post_filter=post_filter)
