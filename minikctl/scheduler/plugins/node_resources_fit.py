"""NodeResourcesFit: the node must have what the pod requests; nodes with more left score higher (LeastAllocated)."""

from minikctl.scheduler.framework import (
    MAX_SCORE,
    ClusterEvent,
    Code,
    CycleState,
    Maybe,
    Plugin,
    Status,
)
from minikctl.scheduler.node_info import NodeInfo, PodInfo


def filter_node(_cycle: CycleState, pod: PodInfo, node: NodeInfo) -> Maybe:
    """All that is missing is named. What even the empty node does not have, no preemption can give."""
    missing: list[str] = []
    hopeless = False
    if len(node.pods) >= node.allowed_pods:
        missing.append("Too many pods")
        hopeless = not node.allowed_pods
    for name, amount in pod.requests.items():
        allocatable = node.allocatable.get(name, 0)
        if amount > allocatable - node.requested.get(name, 0):
            missing.append(f"Insufficient {name}")
            hopeless = hopeless or amount > allocatable
    if not missing:
        return None
    return Status(Code.UNRESOLVABLE if hopeless else Code.UNSCHEDULABLE, tuple(missing))


def least_allocated(requested: int, allocatable: int) -> int:
    """100 for an empty node, 0 for a full one."""
    if allocatable <= 0 or requested > allocatable:
        return 0
    return (allocatable - requested) * MAX_SCORE // allocatable


def score(_cycle: CycleState, pod: PodInfo, node: NodeInfo) -> int:
    """The mean over cpu and memory, of those that the node has."""
    total = count = 0
    cpu, memory = node.allocatable.get("cpu", 0), node.allocatable.get("memory", 0)
    if cpu:
        total += least_allocated(node.scored_cpu + pod.scored_cpu, cpu)
        count += 1
    if memory:
        total += least_allocated(node.scored_memory + pod.scored_memory, memory)
        count += 1
    return total // count if count else 0


PLUGIN = Plugin(
    "NodeResourcesFit",
    order=70,
    weight=1,
    requeue_on=frozenset(
        {
            ClusterEvent.NODE_ADD,
            ClusterEvent.NODE_ALLOCATABLE,
            ClusterEvent.POD_DELETE,
            ClusterEvent.POD_UPDATE,
        }
    ),
    filter=filter_node,
    score=score,
)
