"""NodeAffinity: nodeSelector and required node affinity must match; preferred terms add their weights."""

from collections.abc import Sequence

from minikctl.api.meta import Obj, labels_of, name
from minikctl.api.scheduling import matches_term, required_terms, selects_node
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

NAME = "NodeAffinity"
REJECTED = unresolvable("node(s) didn't match Pod's node affinity/selector")


def named_nodes(terms: list[Obj] | None) -> frozenset[str] | None:
    """The only nodes that the terms can match, when each of them names some (as DaemonSet pods do); else None."""
    if not terms:
        return None
    names: set[str] = set()
    for term in terms:
        wanted = [
            set(f.get("values") or ())
            for f in term.get("matchFields") or []
            if f.get("key") == "metadata.name" and f.get("operator") == "In"
        ]
        if not wanted:
            return None
        names |= set.intersection(*wanted)
    return frozenset(names)


def pre_filter(cycle: CycleState, pod: PodInfo) -> Maybe:
    terms = required_terms(pod.spec)
    if terms is None and not pod.spec.get("nodeSelector"):
        return SKIP
    names = named_nodes(terms)
    if names is not None:
        if not names:
            return unresolvable("pod affinity terms conflict")
        cycle.only_nodes[NAME] = names
    return None


def filter_node(_cycle: CycleState, pod: PodInfo, node: NodeInfo) -> Maybe:
    return None if selects_node(pod.spec, node.labels, node.name) else REJECTED


def preferred(pod: PodInfo) -> list[Obj]:
    affinity = (pod.spec.get("affinity") or {}).get("nodeAffinity") or {}
    return affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or []


def pre_score(_cycle: CycleState, pod: PodInfo, _nodes: Sequence[NodeInfo]) -> Maybe:
    return None if preferred(pod) else SKIP


def score(_cycle: CycleState, pod: PodInfo, node: NodeInfo) -> int:
    """The weights of the preferred terms that match; an empty term matches everything."""
    total = 0
    for term in preferred(pod):
        preference = term.get("preference") or {}
        anything = not preference.get("matchExpressions") and not preference.get("matchFields")
        if not anything and matches_term(preference, node.labels, node.name):
            total += int(term.get("weight") or 0)
    return total


def normalize(_cycle: CycleState, _pod: PodInfo, _nodes: Sequence[NodeInfo], scores: list[int]) -> list[int]:
    return normalize_to_largest(scores)


def hint(pod: PodInfo, change: Change) -> bool:
    return selects_node(pod.spec, labels_of(change.obj), name(change.obj))


PLUGIN = Plugin(
    NAME,
    order=50,
    weight=2,
    requeue_on=frozenset({ClusterEvent.NODE_ADD, ClusterEvent.NODE_LABEL}),
    hint=hint,
    pre_filter=pre_filter,
    filter=filter_node,
    pre_score=pre_score,
    score=score,
    normalize=normalize,
)
