"""NodeVolumeLimits: a node takes only as many volumes of a CSI driver as its CSINode says."""

from __future__ import annotations

from collections import Counter

from minikctl.api.meta import Obj, get_path, key
from minikctl.scheduler.framework import SKIP, Change, ClusterEvent, CycleState, Maybe, Plugin, unschedulable
from minikctl.scheduler.node_info import NodeInfo, PodInfo

NAME = "NodeVolumeLimits"
CLAIMS, VOLUMES, CSI_NODES = "persistentvolumeclaims", "persistentvolumes", "csinodes"
REJECTED = unschedulable("node(s) exceed max volume count")


def pre_filter(cycle: CycleState, pod: PodInfo) -> Maybe:
    wanted = _volumes(cycle, pod)
    if not wanted:
        return SKIP
    cycle.notes[NAME] = wanted
    return None


def _volumes(cycle: CycleState, pod: PodInfo) -> set[tuple[str, str]]:
    """(driver, handle) of the CSI volumes that a pod mounts."""
    found = set()
    for claim_key in pod.claims:
        claim = cycle.handle.assumed[CLAIMS].by_key(claim_key)
        volume_name = get_path(claim, "spec", "volumeName") if claim is not None else None
        volume = cycle.handle.assumed[VOLUMES].get(volume_name) if volume_name else None
        csi = get_path(volume, "spec", "csi") if volume is not None else None
        if csi:
            found.add((csi["driver"], csi["volumeHandle"]))
    return found


def filter_node(cycle: CycleState, _pod: PodInfo, node: NodeInfo) -> Maybe:
    limits = _limits(cycle.listers[CSI_NODES].get(node.name))
    wanted: set[tuple[str, str]] = cycle.notes[NAME]
    if not any(driver in limits for driver, _ in wanted):
        return None
    present = {v for pod in node.pods.values() if pod.claims for v in _volumes(cycle, pod)}
    counts = Counter(driver for driver, _ in present | wanted)
    new = {driver for driver, _ in wanted - present}
    return REJECTED if any(counts[d] > limits[d] for d in new if d in limits) else None


def _limits(node: Obj | None) -> dict[str, int]:
    drivers = get_path(node, "spec", "drivers", default=[]) if node is not None else []
    found = {d["name"]: get_path(d, "allocatable", "count") for d in drivers}
    return {name: count for name, count in found.items() if count is not None}


def hint(pod: PodInfo, change: Change) -> bool:
    """A claim of the pod's changed; or a pod with volumes went."""
    if change.event is ClusterEvent.CLAIM:
        return key(change.obj) in pod.claims
    return change.event is not ClusterEvent.POD_DELETE or bool(PodInfo(change.obj).claims)


PLUGIN = Plugin(
    NAME,
    order=90,
    requeue_on=frozenset(
        {ClusterEvent.NODE_ADD, ClusterEvent.CSI_NODE, ClusterEvent.POD_DELETE, ClusterEvent.CLAIM, ClusterEvent.VOLUME}
    ),
    hint=hint,
    listers=(CSI_NODES,),
    assumes=(CLAIMS, VOLUMES),
    pre_filter=pre_filter,
    filter=filter_node,
)
