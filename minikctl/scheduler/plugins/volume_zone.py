"""VolumeZone: a volume labelled with a zone or region is used by nodes of that zone or region."""

from __future__ import annotations

from collections.abc import Iterable

from minikctl.api.meta import Obj, key, labels_of
from minikctl.scheduler.framework import (
    SKIP,
    Change,
    ClusterEvent,
    CycleState,
    Maybe,
    Plugin,
    unresolvable,
)
from minikctl.scheduler.node_info import NodeInfo, PodInfo

NAME = "VolumeZone"
CLAIMS, VOLUMES = "persistentvolumeclaims", "persistentvolumes"
REJECTED = unresolvable("node(s) had no available volume zone")
LABELS = (
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
)


def pre_filter(cycle: CycleState, pod: PodInfo) -> Maybe:
    found: list[tuple[str, frozenset[str]]] = []
    for claim_key in pod.claims:
        claim = cycle.handle.assumed[CLAIMS].by_key(claim_key)
        volume_name = claim["spec"].get("volumeName") if claim is not None else None
        volume = cycle.handle.assumed[VOLUMES].get(volume_name) if volume_name else None
        if volume is not None:
            found += zones(volume)
    if not found:
        return SKIP
    cycle.notes[NAME] = found
    return None


def zones(volume: Obj) -> Iterable[tuple[str, frozenset[str]]]:
    """(node label, the values that will do); several are joined by two underscores."""
    for label in LABELS:
        value = labels_of(volume).get(label)
        if value:
            yield label, frozenset(value.split("__"))


def filter_node(cycle: CycleState, _pod: PodInfo, node: NodeInfo) -> Maybe:
    """A node that has none of these labels is in no zone: nothing to compare."""
    if not any(label in node.labels for label in LABELS):
        return None
    for label, values in cycle.notes[NAME]:
        if node.labels.get(label) not in values:
            return REJECTED
    return None


def hint(pod: PodInfo, change: Change) -> bool:
    return change.event is not ClusterEvent.CLAIM or key(change.obj) in pod.claims


PLUGIN = Plugin(
    NAME,
    order=110,
    requeue_on=frozenset({ClusterEvent.NODE_ADD, ClusterEvent.NODE_LABEL, ClusterEvent.CLAIM, ClusterEvent.VOLUME}),
    hint=hint,
    assumes=(CLAIMS, VOLUMES),
    pre_filter=pre_filter,
    filter=filter_node,
)
