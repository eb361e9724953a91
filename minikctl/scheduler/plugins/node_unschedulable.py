"""NodeUnschedulable: a cordoned node takes only pods that tolerate the taint of the same meaning."""

from minikctl.api.scheduling import NO_SCHEDULE, tolerates
from minikctl.scheduler.framework import ClusterEvent, CycleState, Maybe, Plugin, unresolvable
from minikctl.scheduler.node_info import NodeInfo, PodInfo

REJECTED = unresolvable("node(s) were unschedulable")
TAINT = {"key": "node.kubernetes.io/unschedulable", "effect": NO_SCHEDULE}


def filter_node(_cycle: CycleState, pod: PodInfo, node: NodeInfo) -> Maybe:
    if not node.unschedulable or any(tolerates(t, TAINT) for t in pod.tolerations):
        return None
    return REJECTED


PLUGIN = Plugin(
    "NodeUnschedulable",
    order=20,
    requeue_on=frozenset({ClusterEvent.NODE_ADD, ClusterEvent.NODE_TAINT}),
    filter=filter_node,
)
