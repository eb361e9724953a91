"""NodeResourcesBalancedAllocation: prefer nodes whose cpu and memory are used alike once the pod is there."""

import math
from collections.abc import Sequence

from minikctl.scheduler.framework import MAX_SCORE, SKIP, CycleState, Maybe, Plugin
from minikctl.scheduler.node_info import NodeInfo, PodInfo


def pre_score(_cycle: CycleState, pod: PodInfo, _nodes: Sequence[NodeInfo]) -> Maybe:
    """A pod that requests nothing does not change the balance."""
    return SKIP if pod.best_effort else None


def score(_cycle: CycleState, pod: PodInfo, node: NodeInfo) -> int:
    """100 minus the standard deviation of the used fractions, in percent."""
    fractions = []
    for name in ("cpu", "memory"):
        allocatable = node.allocatable.get(name, 0)
        if allocatable:
            used = node.requested.get(name, 0) + pod.requests.get(name, 0)
            fractions.append(min(used / allocatable, 1.0))
    if len(fractions) < 2:
        return MAX_SCORE
    mean = sum(fractions) / len(fractions)
    deviation = math.sqrt(sum((f - mean) ** 2 for f in fractions) / len(fractions))
    return int((1 - deviation) * MAX_SCORE)


PLUGIN = Plugin("NodeResourcesBalancedAllocation", order=160, weight=1, pre_score=pre_score, score=score)
