"""PodTopologySpread: pods of one kind spread over hosts and zones (KEP-895).

Constraints of the pod with DoNotSchedule filter, those with ScheduleAnyway score. A pod without any is spread with
those of the same Service and owner by the cluster's defaults: hosts with maxSkew 3, zones with maxSkew 5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from minikctl.api.meta import Obj, controller_of, labels_of, namespace
from minikctl.api.scheduling import selects_node, untolerated
from minikctl.api.selectors import NOTHING, Requirement, Selector, from_label_selector, from_labels
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

NAME = "PodTopologySpread"
HOSTNAME, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
HARD, SOFT = "DoNotSchedule", "ScheduleAnyway"
REJECTED = unschedulable("node(s) didn't match pod topology spread constraints")
NO_LABEL = unresolvable("node(s) didn't match pod topology spread constraints (missing required label)")
OWNERS = {"ReplicationController": "replicationcontrollers", "ReplicaSet": "replicasets", "StatefulSet": "statefulsets"}


@dataclass(frozen=True, slots=True)
class Constraint:
    """A TopologySpreadConstraint with its selector read."""

    key: str
    max_skew: int
    selector: Selector
    min_domains: int = 1
    honor_affinity: bool = True
    honor_taints: bool = False

    def counts_in(self, pod: PodInfo, node: NodeInfo) -> bool:
        """True when the node's pods matter for this pod's spreading."""
        if self.honor_affinity and not selects_node(pod.spec, node.labels, node.name):
            return False
        return not (self.honor_taints and untolerated(node.hard_taints, pod.tolerations))


def constraints(pod: PodInfo, action: str) -> list[Constraint]:
    """The pod's own constraints of one kind."""
    out = []
    for given in pod.spec.get("topologySpreadConstraints") or []:
        if given.get("whenUnsatisfiable") != action:
            continue
        selector = from_label_selector(given.get("labelSelector"))
        own = [
            Requirement(key, "=", (pod.labels[key],)) for key in given.get("matchLabelKeys") or [] if key in pod.labels
        ]
        if own and not selector.nothing:
            selector = Selector((*own, *selector.requirements))
        out.append(
            Constraint(
                given["topologyKey"],
                given["maxSkew"],
                selector,
                given.get("minDomains") or 1,
                (given.get("nodeAffinityPolicy") or "Honor") == "Honor",
                given.get("nodeTaintsPolicy") == "Honor",
            )
        )
    return out


def default_constraints(cycle: CycleState, pod: PodInfo) -> list[Constraint]:
    selector = default_selector(cycle, pod)
    if not selector.requirements:
        return []
    return [Constraint(HOSTNAME, 3, selector), Constraint(ZONE, 5, selector)]


def default_selector(cycle: CycleState, pod: PodInfo) -> Selector:
    """What the Services that select the pod and its controller have in common; nothing when there are none."""
    terms: list[Requirement] = []
    services = cycle.listers.get("services")
    for service in services.list(pod.namespace) if services else []:
        wanted = service["spec"].get("selector")
        if wanted and all(pod.labels.get(k) == v for k, v in wanted.items()):
            terms += from_labels(wanted).requirements
    owner = controller_of(pod.obj)
    lister = cycle.listers.get(OWNERS.get(owner["kind"], "")) if owner else None
    found = lister.get(owner["name"], pod.namespace) if lister and owner else None
    if found is not None:
        terms += _owner_selector(found).requirements
    return Selector(tuple(dict.fromkeys(terms))) if terms else NOTHING


def _owner_selector(owner: Obj) -> Selector:
    selector = owner["spec"].get("selector")
    if owner.get("kind") == "ReplicationController":
        return from_labels(selector)
    return from_label_selector(selector)


def _domains(
    cycle: CycleState, pod: PodInfo, constraint: Constraint, nodes: Sequence[NodeInfo], all_keys: Sequence[str]
) -> dict[str, int]:
    """Matching pods by value of the topology key, over the nodes that have all the keys."""
    counts = cycle.matching(pod.namespace, constraint.selector)
    out: dict[str, int] = {}
    for node in nodes:
        if all(key in node.labels for key in all_keys) and constraint.counts_in(pod, node):
            value = node.labels.get(constraint.key, "")
            out[value] = out.get(value, 0) + counts.get(node.name, 0)
    return out


# ---------------------------------------------------------------------- hard constraints


@dataclass(frozen=True, slots=True)
class _Hard:
    """One hard constraint: pods by domain, the fewest in any, and whether the pod itself counts."""

    constraint: Constraint
    domains: Mapping[str, int]
    fewest: int
    own: int


def pre_filter(cycle: CycleState, pod: PodInfo) -> Maybe:
    wanted = constraints(pod, HARD) if pod.spec.get("topologySpreadConstraints") else []
    if not wanted:
        return SKIP
    keys = [c.key for c in wanted]
    found = []
    for constraint in wanted:
        domains = _domains(cycle, pod, constraint, cycle.cache.nodes, keys)
        fewest = min(domains.values(), default=0) if len(domains) >= constraint.min_domains else 0
        found.append(_Hard(constraint, domains, fewest, int(constraint.selector.matches(pod.labels))))
    cycle.notes[NAME] = found
    return None


def filter_node(cycle: CycleState, _pod: PodInfo, node: NodeInfo) -> Maybe:
    """The domain may not get further ahead of the emptiest one than maxSkew."""
    hard: list[_Hard] = cycle.notes[NAME]
    for each in hard:
        value = node.labels.get(each.constraint.key)
        if value is None:
            return NO_LABEL
        if each.domains.get(value, 0) + each.own - each.fewest > each.constraint.max_skew:
            return REJECTED
    return None


# ---------------------------------------------------------------------- soft constraints


@dataclass(frozen=True, slots=True)
class _Soft:
    """The soft constraints with their weights and counts by node name (hosts) or domain; `ignored` nodes score 0."""

    terms: list[tuple[Constraint, float, Mapping[str, int]]]
    ignored: frozenset[str]


def pre_score(cycle: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Maybe:
    own = bool(pod.spec.get("topologySpreadConstraints"))
    wanted = constraints(pod, SOFT) if own else default_constraints(cycle, pod)
    if not wanted:
        return SKIP
    keys = [c.key for c in wanted] if own else []  # defaults hold for nodes without a zone, too
    ignored = frozenset(n.name for n in nodes if not all(k in n.labels for k in keys))
    terms: list[tuple[Constraint, float, Mapping[str, int]]] = []
    for constraint in wanted:
        if constraint.key == HOSTNAME:
            size = len(nodes) - len(ignored)
            terms.append((constraint, _weight(size), cycle.matching(pod.namespace, constraint.selector)))
            continue
        present = {n.labels.get(constraint.key, "") for n in nodes if n.name not in ignored}
        domains = _domains(cycle, pod, constraint, cycle.cache.nodes, keys) if present != {""} else {}
        terms.append((constraint, _weight(len(present)), {k: v for k, v in domains.items() if k in present}))
    cycle.notes[NAME + "/soft"] = _Soft(terms, ignored)
    return None


def _weight(domains: int) -> float:
    """So that a topology with few domains is not drowned by one with many."""
    return math.log(domains + 2)


def score(cycle: CycleState, _pod: PodInfo, node: NodeInfo) -> int:
    """How many of its kind are near, weighted: fewer is better."""
    soft: _Soft = cycle.notes[NAME + "/soft"]
    if node.name in soft.ignored:
        return 0
    total = 0.0
    for constraint, weight, counts in soft.terms:
        value = node.labels.get(constraint.key)
        if value is not None:
            near = counts.get(node.name if constraint.key == HOSTNAME else value, 0)
            total += near * weight + constraint.max_skew - 1
    return round(total)


def normalize(cycle: CycleState, _pod: PodInfo, nodes: Sequence[NodeInfo], scores: list[int]) -> list[int]:
    ignored = cycle.notes[NAME + "/soft"].ignored
    counted = [s for n, s in zip(nodes, scores) if n.name not in ignored]
    most, least = max(counted, default=0), min(counted, default=0)
    if not most:
        return [0 if n.name in ignored else MAX_SCORE for n in nodes]
    return [0 if n.name in ignored else MAX_SCORE * (most + least - s) // most for n, s in zip(nodes, scores)]


# ---------------------------------------------------------------------- requeueing


def hint(pod: PodInfo, change: Change) -> bool:
    """A pod that counts came, went or changed; a node that has all the labels came or changed."""
    wanted = constraints(pod, HARD)
    if change.event in (ClusterEvent.NODE_ADD, ClusterEvent.NODE_LABEL, ClusterEvent.NODE_TAINT):
        labels = [labels_of(o) for o in (change.old, change.new) if o is not None]
        return any(all(c.key in given for c in wanted) for given in labels)
    return any(
        namespace(o) == pod.namespace and any(c.selector.matches(labels_of(o)) for c in wanted)
        for o in (change.old, change.new)
        if o is not None
    )


PLUGIN = Plugin(
    NAME,
    order=120,
    weight=2,
    requeue_on=frozenset(
        {
            ClusterEvent.NODE_ADD,
            ClusterEvent.NODE_LABEL,
            ClusterEvent.NODE_TAINT,
            ClusterEvent.POD_ADD,
            ClusterEvent.POD_UPDATE,
            ClusterEvent.POD_DELETE,
        }
    ),
    hint=hint,
    listers=("services", *OWNERS.values()),
    pre_filter=pre_filter,
    filter=filter_node,
    pre_score=pre_score,
    score=score,
    normalize=normalize,
)
