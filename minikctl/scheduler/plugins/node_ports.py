"""NodePorts: a port of the node's own address belongs to one pod."""

from minikctl.api.scheduling import collide, host_ports
from minikctl.scheduler.framework import SKIP, Change, ClusterEvent, CycleState, Maybe, Plugin, unschedulable
from minikctl.scheduler.node_info import NodeInfo, PodInfo

REJECTED = unschedulable("node(s) didn't have free ports for the requested pod ports")


def pre_filter(_cycle: CycleState, pod: PodInfo) -> Maybe:
    return None if pod.ports else SKIP


def filter_node(_cycle: CycleState, pod: PodInfo, node: NodeInfo) -> Maybe:
    taken = any(collide(wanted, used) for wanted in pod.ports for used in node.ports)
    return REJECTED if taken else None


def hint(pod: PodInfo, change: Change) -> bool:
    """A pod that has a port of this one's went."""
    if change.event is not ClusterEvent.POD_DELETE:
        return True
    return any(collide(mine, its) for mine in pod.ports for its in host_ports(change.obj.get("spec") or {}))


PLUGIN = Plugin(
    "NodePorts",
    order=60,
    requeue_on=frozenset({ClusterEvent.NODE_ADD, ClusterEvent.POD_DELETE}),
    hint=hint,
    pre_filter=pre_filter,
    filter=filter_node,
)
