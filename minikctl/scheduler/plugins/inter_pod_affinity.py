"""InterPodAffinity: near some pods and far from others, where near and far are the same value of a node label.

Required terms filter, preferred ones score. The terms of pods that are placed already count, too: their required
anti-affinity keeps newcomers away, their affinity attracts them. Source: concept "Inter-pod affinity and anti-affinity".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from minikctl.api.meta import Obj, labels_of
from minikctl.api.selectors import Selector
from minikctl.scheduler.affinity import AffinityTerm, NamespaceLabels
from minikctl.scheduler.framework import (
    MAX_SCORE,
    SKIP,
    Change,
    ClusterEvent,
    CycleState,
    Maybe,
    Plugin,
    unresolvable,
    unschedulable,
)
from minikctl.scheduler.node_info import NodeInfo, PodInfo

NAME = "InterPodAffinity"
AFFINITY = unresolvable("node(s) didn't match pod affinity rules")
ANTI_AFFINITY = unschedulable("node(s) didn't match pod anti-affinity rules")
EXISTING = unschedulable("node(s) didn't satisfy existing pods anti-affinity rules")
HARD_WEIGHT = 1
"""What another pod's required affinity for this one counts, beside the preferred terms' weights."""

Domain = tuple[str, str]
"""A node label and its value."""


@dataclass(frozen=True, slots=True)
class _Required:
    """Pods by domain: those that the pod wants to be near (by term), those it avoids, those that avoid it."""

    near: Sequence[Mapping[str, int]]
    far: Sequence[Mapping[str, int]]
    avoiding: Mapping[Domain, int]


def pre_filter(cycle: CycleState, pod: PodInfo) -> Maybe:
    avoiding = _avoiding(cycle, pod)
    own = pod.affinity
    if not avoiding and not own.required and not own.required_anti:
        return SKIP
    near = _together(cycle, own.required)
    far = [_domains(cycle, term.key, _by_node(cycle, term)) for term in own.required_anti]
    cycle.notes[NAME] = _Required(near, far, avoiding)
    return None


def _avoiding(cycle: CycleState, pod: PodInfo) -> Counter[Domain]:
    """Domains with pods that do not want this one near."""
    found: Counter[Domain] = Counter()
    names = _namespace_labels(cycle)
    for node in cycle.cache.affine_nodes.values():
        for other in node.affine.values():
            for term in other.affinity.required_anti:
                value = node.labels.get(term.key)
                if value is not None and term.matches(pod.namespace, pod.labels, names):
                    found[(term.key, value)] += 1
    return found


def _together(cycle: CycleState, terms: Sequence[AffinityTerm]) -> list[Mapping[str, int]]:
    """By term: domains of the pods that match all terms."""
    if not terms:
        return []
    first = terms[0]
    if all((t.namespaces, t.namespace_selector) == (first.namespaces, first.namespace_selector) for t in terms):
        requirements = dict.fromkeys(r for t in terms for r in t.selector.requirements)
        both = Selector(tuple(requirements), any(t.selector.nothing for t in terms))
        by_node: Mapping[str, int] = _by_node(cycle, replace(first, selector=both))
    else:
        by_node = _matching_all(cycle, terms)
    return [_domains(cycle, term.key, by_node) for term in terms]


def _matching_all(cycle: CycleState, terms: Sequence[AffinityTerm]) -> Mapping[str, int]:
    names = _namespace_labels(cycle)
    found: Counter[str] = Counter()
    for node in cycle.cache.nodes:
        for other in node.pods.values():
            if all(t.matches(other.namespace, other.labels, names) for t in terms):
                found[node.name] += 1
    return found


def _by_node(cycle: CycleState, term: AffinityTerm) -> Mapping[str, int]:
    """Pods that a term means, counted by node."""
    if term.selector.nothing:
        return {}
    covered = _covered(cycle, term)
    if len(covered) == 1:
        return cycle.matching(covered[0], term.selector, terminating=True)
    found: Counter[str] = Counter()
    for namespace in covered:
        found.update(cycle.matching(namespace, term.selector, terminating=True))
    return found


def _covered(cycle: CycleState, term: AffinityTerm) -> list[str]:
    if term.namespace_selector is None:
        return sorted(term.namespaces)
    lister = cycle.listers.get("namespaces")
    known = [n for n in lister.list() if term.namespace_selector.matches(labels_of(n))] if lister else []
    return sorted(term.namespaces | {n["metadata"]["name"] for n in known})


def _namespace_labels(cycle: CycleState) -> NamespaceLabels:
    lister = cycle.listers.get("namespaces")

    def labels(name: str) -> Mapping[str, str]:
        found = lister.get(name) if lister else None
        return labels_of(found) if found else {}

    return labels


def _domains(cycle: CycleState, key: str, by_node: Mapping[str, int]) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for name, count in by_node.items():
        node = cycle.cache.node(name)
        value = node.labels.get(key) if node is not None else None
        if value is not None:
            found[value] += count
    return found


def filter_node(cycle: CycleState, pod: PodInfo, node: NodeInfo) -> Maybe:
    required: _Required = cycle.notes[NAME]
    if pod.affinity.required and not _is_near(cycle, required, pod, node):
        return AFFINITY
    for term, far in zip(pod.affinity.required_anti, required.far):
        value = node.labels.get(term.key)
        if value is not None and far.get(value):
            return ANTI_AFFINITY
    if required.avoiding and any(node.labels.get(k) == v for k, v in required.avoiding):
        return EXISTING
    return None


def _is_near(cycle: CycleState, required: _Required, pod: PodInfo, node: NodeInfo) -> bool:
    """Every term has a pod near by. The first pod of a group that wants to be together may go anywhere."""
    terms = pod.affinity.required
    values = [node.labels.get(t.key) for t in terms]
    if None in values:
        return False
    if all(domains.get(v or "") for v, domains in zip(values, required.near)):
        return True
    if any(required.near):
        return False
    names = _namespace_labels(cycle)
    return all(t.matches(pod.namespace, pod.labels, names) for t in terms)


# ---------------------------------------------------------------------- preferences


def pre_score(cycle: CycleState, pod: PodInfo, _nodes: Sequence[NodeInfo]) -> Maybe:
    own = pod.affinity
    if not own.preferred and not own.preferred_anti and not cycle.cache.affine_nodes:
        return SKIP
    scores: Counter[Domain] = Counter()
    for sign, terms in ((1, own.preferred), (-1, own.preferred_anti)):
        for term in terms:
            for value, count in _domains(cycle, term.key, _by_node(cycle, term)).items():
                scores[(term.key, value)] += sign * term.weight * count
    names = _namespace_labels(cycle)
    for node in cycle.cache.affine_nodes.values():
        for other in node.affine.values():
            for weight, term in _attractions(other):
                near = node.labels.get(term.key)
                if near is not None and term.matches(pod.namespace, pod.labels, names):
                    scores[(term.key, near)] += weight
    if not any(scores.values()):
        return SKIP
    cycle.notes[NAME + "/score"] = scores
    return None


def _attractions(pod: PodInfo) -> Iterable[tuple[int, AffinityTerm]]:
    """What a placed pod's own terms are worth to those that they mean."""
    for term in pod.affinity.required:
        yield HARD_WEIGHT, term
    for term in pod.affinity.preferred:
        yield term.weight, term
    for term in pod.affinity.preferred_anti:
        yield -term.weight, term


def score(cycle: CycleState, _pod: PodInfo, node: NodeInfo) -> int:
    scores: Counter[Domain] = cycle.notes[NAME + "/score"]
    return sum(count for (key, value), count in scores.items() if node.labels.get(key) == value)


def normalize(_cycle: CycleState, _pod: PodInfo, _nodes: Sequence[NodeInfo], scores: list[int]) -> list[int]:
    """From the worst node (0) to the best (100)."""
    least, most = min(scores, default=0), max(scores, default=0)
    if most == least:
        return [0] * len(scores)
    return [MAX_SCORE * (s - least) // (most - least) for s in scores]


# ---------------------------------------------------------------------- requeueing


def hint(pod: PodInfo, change: Change) -> bool:
    """A pod that is wanted near came, or one that is not left; a node has a domain that the pod asks for."""
    own = pod.affinity
    if change.event in (ClusterEvent.NODE_ADD, ClusterEvent.NODE_LABEL):
        terms = (*own.required, *own.required_anti)
        return not terms or any(t.key in labels_of(change.obj) for t in terms)
    other = PodInfo(change.obj)
    if change.event is ClusterEvent.POD_DELETE:
        return _means(own.required_anti, other) or _means(other.affinity.required_anti, pod)
    if _means(own.required, other):
        return True
    if change.event is ClusterEvent.POD_UPDATE and change.old is not None:
        return _means(own.required_anti, PodInfo(change.old))
    return False


def _means(terms: Iterable[AffinityTerm], pod: PodInfo) -> bool:
    """Namespaces that are selected by label count as covered: a try too many does no harm."""
    return any(
        t.selector.matches(pod.labels) and (t.namespace_selector is not None or pod.namespace in t.namespaces)
        for t in terms
    )


def configure(arguments: Obj) -> Plugin:
    """Its arguments are accepted where they ask for what is the default anyway."""
    weight = arguments.get("hardPodAffinityWeight", HARD_WEIGHT)
    if weight != HARD_WEIGHT:
        raise ValueError(f"{NAME}Args: hardPodAffinityWeight {weight} is not supported, only {HARD_WEIGHT}")
    return PLUGIN


PLUGIN = Plugin(
    NAME,
    order=130,
    weight=2,
    requeue_on=frozenset(
        {
            ClusterEvent.NODE_ADD,
            ClusterEvent.NODE_LABEL,
            ClusterEvent.POD_ADD,
            ClusterEvent.POD_UPDATE,
            ClusterEvent.POD_DELETE,
        }
    ),
    hint=hint,
    listers=("namespaces",),
    configure=configure,
    pre_filter=pre_filter,
    filter=filter_node,
    pre_score=pre_score,
    score=score,
    normalize=normalize,
)
