"""NodeResourcesFit: the node must have what the pod requests; which of the nodes that have it is best is a matter of
strategy.

LeastAllocated (the default) spreads, MostAllocated fills one node after the other, RequestedToCapacityRatio follows a
shape: points of utilization (percent) and score (0 to 10). Source: concept "Resource Bin Packing".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from minikctl.api.meta import Obj, get_path
from minikctl.api.scheduling import amounts
from minikctl.scheduler.framework import (
    MAX_SCORE,
    Change,
    ClusterEvent,
    Code,
    CycleState,
    Maybe,
    Plugin,
    Status,
)
from minikctl.scheduler.node_info import NodeInfo, PodInfo

NAME = "NodeResourcesFit"
Strategy = Callable[[int, int], int]
"""(requested once the pod is there, allocatable) → 0 to 100."""


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


# ---------------------------------------------------------------------- strategies


def least_allocated(requested: int, allocatable: int) -> int:
    """100 for an empty node, 0 for a full one."""
    if allocatable <= 0 or requested > allocatable:
        return 0
    return (allocatable - requested) * MAX_SCORE // allocatable


def most_allocated(requested: int, allocatable: int) -> int:
    """0 for an empty node, 100 for a full one."""
    if allocatable <= 0:
        return 0
    return min(requested, allocatable) * MAX_SCORE // allocatable


def by_shape(points: Sequence[tuple[int, int]]) -> Strategy:
    """Straight lines between points (utilization in percent, score of 0 to 100)."""

    def strategy(requested: int, allocatable: int) -> int:
        used = MAX_SCORE if allocatable <= 0 or requested > allocatable else requested * MAX_SCORE // allocatable
        before = points[0]
        for point in points:
            if used <= point[0]:
                if point[0] == before[0]:
                    return point[1]
                return before[1] + (point[1] - before[1]) * (used - before[0]) // (point[0] - before[0])
            before = point
        return before[1]

    return strategy


def score(_cycle: CycleState, pod: PodInfo, node: NodeInfo) -> int:
    """The mean of least_allocated over cpu and memory, of those that the node has: the default, written out."""
    total = count = 0
    cpu, memory = node.allocatable.get("cpu", 0), node.allocatable.get("memory", 0)
    if cpu:
        total += least_allocated(node.scored_cpu + pod.scored_cpu, cpu)
        count += 1
    if memory:
        total += least_allocated(node.scored_memory + pod.scored_memory, memory)
        count += 1
    return total // count if count else 0


def weighted_score(
    strategy: Strategy, weights: Sequence[tuple[str, int]], *, rounded: bool = False
) -> Callable[[CycleState, PodInfo, NodeInfo], int]:
    """The weighted mean over resources, of those that the node has; an extended one counts when the pod asks for it."""

    def score_node(_cycle: CycleState, pod: PodInfo, node: NodeInfo) -> int:
        total = weight_sum = 0
        for name, weight in weights:
            allocatable = node.allocatable.get(name, 0)
            if not allocatable or ("/" in name and not pod.requests.get(name)):
                continue
            found = strategy(_requested(name, pod, node), allocatable)
            if rounded and not found:
                continue
            total += found * weight
            weight_sum += weight
        if not weight_sum:
            return 0
        return round(total / weight_sum) if rounded else total // weight_sum

    return score_node


def _requested(name: str, pod: PodInfo, node: NodeInfo) -> int:
    if name == "cpu":
        return node.scored_cpu + pod.scored_cpu
    if name == "memory":
        return node.scored_memory + pod.scored_memory
    return node.requested.get(name, 0) + pod.requests.get(name, 0)


def configure(arguments: Obj) -> Plugin:
    """From NodeResourcesFitArgs: `scoringStrategy`. Raises ValueError."""
    given = arguments.get("scoringStrategy") or {}
    kind = given.get("type") or "LeastAllocated"
    resources = given.get("resources") or [{"name": "cpu"}, {"name": "memory"}]
    weights = [(r["name"], int(r.get("weight") or 1)) for r in resources]
    if kind == "LeastAllocated":
        return replace(PLUGIN, score=weighted_score(least_allocated, weights))
    if kind == "MostAllocated":
        return replace(PLUGIN, score=weighted_score(most_allocated, weights))
    if kind != "RequestedToCapacityRatio":
        raise ValueError(f"{NAME}Args: scoringStrategy.type: unsupported value {kind}")
    shape = get_path(given, "requestedToCapacityRatio", "shape", default=[])
    points = [(int(p.get("utilization") or 0), int(p.get("score") or 0) * 10) for p in shape]
    if not points or points != sorted(points, key=lambda p: p[0]) or len({u for u, _ in points}) != len(points):
        raise ValueError(f"{NAME}Args: requestedToCapacityRatio.shape: utilization must rise from point to point")
    if any(not 0 <= u <= MAX_SCORE or not 0 <= s <= MAX_SCORE for u, s in points):
        raise ValueError(f"{NAME}Args: requestedToCapacityRatio.shape: utilization is 0 to 100, score 0 to 10")
    return replace(PLUGIN, score=weighted_score(by_shape(points), weights, rounded=True))


# ---------------------------------------------------------------------- requeueing


def hint(pod: PodInfo, change: Change) -> bool:
    """A node that could take the pod if it were empty; or any pod that went or needs less."""
    if change.event not in (ClusterEvent.NODE_ADD, ClusterEvent.NODE_ALLOCATABLE):
        return True
    status = change.obj.get("status") or {}
    has = amounts(status.get("allocatable") or status.get("capacity"))
    return all(amount <= has.get(name, 0) for name, amount in pod.requests.items())


PLUGIN = Plugin(
    NAME,
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
    hint=hint,
    configure=configure,
    filter=filter_node,
    score=score,
)
