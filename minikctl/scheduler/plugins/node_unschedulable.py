"""NodeUnschedulable: a cordoned node takes only pods that tolerate the taint of the same meaning."""

from minikctl.api.scheduling import NO_SCHEDULE, tolerates
from minikctl.scheduler.framework import Change, ClusterEvent, CycleState, Maybe, Plugin, unresolvable
from minikctl.scheduler.node_info import NodeInfo, PodInfo

REJECTED = unresolvable("node(s) were unschedulable")
TAINT = {"key": "node.kubernetes.io/unschedulable", "effect": NO_SCHEDULE}


def filter_node(_cycle: CycleState, pod: PodInfo, node: NodeInfo) -> Maybe:
    return None if not node.unschedulable or _tolerated(pod) else REJECTED


def _tolerated(pod: PodInfo) -> bool:
    return any(tolerates(t, TAINT) for t in pod.tolerations)


def hint(pod: PodInfo, change: Change) -> bool:
    """The node is not cordoned (any more)."""
    return not (change.obj.get("spec") or {}).get("unschedulable") or _tolerated(pod)


PLUGIN = Plugin(
    "NodeUnschedulable",
    order=20,
    requeue_on=frozenset({ClusterEvent.NODE_ADD, ClusterEvent.NODE_TAINT}),
    hint=hint,
    filter=filter_node,
)
