"""VolumeRestrictions: a claim with ReadWriteOncePod is for one pod (KEP-2485); some disks are for one node's pods."""

from __future__ import annotations

from minikctl.api.meta import key
from minikctl.scheduler.framework import (
    SKIP,
    Change,
    ClusterEvent,
    CycleState,
    Maybe,
    Plugin,
    unschedulable,
)
from minikctl.scheduler.node_info import NodeInfo, PodInfo

NAME = "VolumeRestrictions"
CLAIMS = "persistentvolumeclaims"
ONE_POD = unschedulable("node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode")
DISK = unschedulable("node(s) had no available disk")


def pre_filter(cycle: CycleState, pod: PodInfo) -> Maybe:
    disks = _disks(pod)
    exclusive = []
    for claim_key in pod.claims:
        claim = cycle.handle.assumed[CLAIMS].by_key(claim_key)
        if claim is not None and "ReadWriteOncePod" in (claim["spec"].get("accessModes") or ()):
            exclusive.append(claim_key)
    if not disks and not exclusive:
        return SKIP
    cycle.notes[NAME] = disks, exclusive
    return None


def filter_node(cycle: CycleState, _pod: PodInfo, node: NodeInfo) -> Maybe:
    disks, exclusive = cycle.notes[NAME]
    if disks and any(_conflict(a, b) for other in node.pods.values() for b in _disks(other) for a in disks):
        return DISK
    if any(cycle.cache.claim_users.get(claim) for claim in exclusive):
        return ONE_POD
    return None


def _disks(pod: PodInfo) -> list[tuple[str, bool]]:
    """(identity, read only) of the volumes that cannot be shared as they like."""
    found = []
    for volume in pod.spec.get("volumes") or []:
        if gce := volume.get("gcePersistentDisk"):
            found.append((f"gce/{gce['pdName']}", bool(gce.get("readOnly"))))
        elif aws := volume.get("awsElasticBlockStore"):
            found.append((f"aws/{aws['volumeID']}", False))
        elif iscsi := volume.get("iscsi"):
            found.append((f"iscsi/{iscsi['iqn']}", bool(iscsi.get("readOnly"))))
        elif rbd := volume.get("rbd"):
            monitors = ",".join(sorted(rbd.get("monitors") or ()))
            name = f"rbd/{monitors}/{rbd.get('pool', 'rbd')}/{rbd['image']}"
            found.append((name, bool(rbd.get("readOnly"))))
    return found


def _conflict(a: tuple[str, bool], b: tuple[str, bool]) -> bool:
    return a[0] == b[0] and not (a[1] and b[1])


def hint(pod: PodInfo, change: Change) -> bool:
    """A claim of the pod's changed, or a pod with the same claim or a disk went."""
    if change.event is ClusterEvent.CLAIM:
        return key(change.obj) in pod.claims
    if change.event is not ClusterEvent.POD_DELETE:
        return True
    other = PodInfo(change.obj)
    same = set(other.claims) & set(pod.claims)
    return bool(same) or any(_conflict(a, b) for a in _disks(pod) for b in _disks(other))


PLUGIN = Plugin(
    NAME,
    order=80,
    requeue_on=frozenset({ClusterEvent.NODE_ADD, ClusterEvent.POD_DELETE, ClusterEvent.CLAIM}),
    hint=hint,
    assumes=(CLAIMS,),
    pre_filter=pre_filter,
    filter=filter_node,
)
