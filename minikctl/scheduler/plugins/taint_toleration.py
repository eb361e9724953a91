"""TaintToleration: taints keep pods away (NoSchedule, NoExecute) or only put them off (PreferNoSchedule)."""

from collections.abc import Sequence

from minikctl.api.scheduling import PREFER_NO_SCHEDULE, tolerates, untolerated
from minikctl.scheduler.framework import (
    SKIP,
    Change,
    ClusterEvent,
    CycleState,
    Maybe,
    Plugin,
    normalize_to_largest,
    unresolvable,
)
from minikctl.scheduler.node_info import NodeInfo, PodInfo

REJECTED = unresolvable("node(s) had untolerated taint(s)")


def filter_node(_cycle: CycleState, pod: PodInfo, node: NodeInfo) -> Maybe:
    if not node.hard_taints or untolerated(node.hard_taints, pod.tolerations) is None:
        return None
    return REJECTED


def pre_score(cycle: CycleState, _pod: PodInfo, _nodes: Sequence[NodeInfo]) -> Maybe:
    return None if cycle.cache.soft_taints else SKIP


def score(_cycle: CycleState, pod: PodInfo, node: NodeInfo) -> int:
    """The number of soft taints that the pod does not tolerate: fewer is better."""
    relevant = [t for t in pod.tolerations if t.get("effect") in (None, "", PREFER_NO_SCHEDULE)]
    return sum(1 for taint in node.soft_taints if not any(tolerates(t, taint) for t in relevant))


def normalize(_cycle: CycleState, _pod: PodInfo, _nodes: Sequence[NodeInfo], scores: list[int]) -> list[int]:
    return normalize_to_largest(scores, reverse=True)


def hint(pod: PodInfo, change: Change) -> bool:
    """The pod tolerates all that keeps pods away from the node."""
    return untolerated((change.obj.get("spec") or {}).get("taints") or [], pod.tolerations) is None


PLUGIN = Plugin(
    "TaintToleration",
    order=40,
    weight=3,
    requeue_on=frozenset({ClusterEvent.NODE_ADD, ClusterEvent.NODE_TAINT}),
    hint=hint,
    filter=filter_node,
    pre_score=pre_score,
    score=score,
    normalize=normalize,
)
