"""DefaultPreemption: says whether removing pods of lower priority would help. It does not remove any yet."""

from __future__ import annotations

from collections.abc import Mapping

from minikctl.scheduler.diagnosis import Diagnosis
from minikctl.scheduler.framework import Code, CycleState, Plugin, Status, unresolvable, unschedulable
from minikctl.scheduler.node_info import NodeInfo, PodInfo

NO_VICTIMS = unresolvable("No preemption victims found for incoming pod")
NOT_DONE = unresolvable("Pods of lower priority are not preempted by this version of minikctl")


def post_filter(cycle: CycleState, pod: PodInfo, statuses: Mapping[str, Status]) -> tuple[str, Status]:
    if pod.spec.get("preemptionPolicy") == "Never":
        return "", unschedulable("preemption: not eligible due to preemptionPolicy=Never.")
    found = Diagnosis(len(cycle.cache.nodes), absent="Preemption is not helpful for scheduling")
    found.statuses = {
        name: NOT_DONE if _has_victims(pod, cycle.cache.node(name)) else NO_VICTIMS
        for name, status in statuses.items()
        if status.code is Code.UNSCHEDULABLE
    }
    return "", unschedulable(f"preemption: {found.message()}")


def _has_victims(pod: PodInfo, node: NodeInfo | None) -> bool:
    return node is not None and any(p.priority < pod.priority for p in node.pods.values())


PLUGIN = Plugin("DefaultPreemption", order=150, post_filter=post_filter)
