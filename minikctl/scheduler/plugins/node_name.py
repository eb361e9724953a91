"""NodeName: a pod that names its node goes there and nowhere else."""

from minikctl.api.meta import name
from minikctl.scheduler.framework import SKIP, Change, ClusterEvent, CycleState, Maybe, Plugin, unresolvable
from minikctl.scheduler.node_info import NodeInfo, PodInfo

REJECTED = unresolvable("node(s) didn't match the requested node name")


def pre_filter(_cycle: CycleState, pod: PodInfo) -> Maybe:
    return None if pod.node_name else SKIP


def filter_node(_cycle: CycleState, pod: PodInfo, node: NodeInfo) -> Maybe:
    return None if pod.node_name in ("", node.name) else REJECTED


def hint(pod: PodInfo, change: Change) -> bool:
    return bool(pod.node_name == name(change.obj))


PLUGIN = Plugin(
    "NodeName",
    order=30,
    requeue_on=frozenset({ClusterEvent.NODE_ADD}),
    hint=hint,
    pre_filter=pre_filter,
    filter=filter_node,
)
