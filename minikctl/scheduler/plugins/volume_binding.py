"""VolumeBinding: a pod goes where its volumes are, or can come to be.

Claims that are bound filter by their volumes' node affinity. Claims of a class that waits for its first consumer are
looked at node by node: is there a volume for it that reaches the node, or may one be made there? What is found is
assumed when the node is chosen (Reserve), written before the pod is bound (PreBind: the volume's claimRef, or the name
of the node on the claim), and waited for (Prepared). Source: concept "Storage Classes" (volume binding mode),
Kubernetes `pkg/scheduler/framework/plugins/volumebinding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from minikctl.api import volumes
from minikctl.api.errors import ApiError
from minikctl.api.kinds.persistent_volume_claim import storage_class
from minikctl.api.meta import Obj, annotations_of, is_controlled_by, is_deleting, key, name, with_metadata
from minikctl.api.volumes import BOUND_BY_CONTROLLER, SELECTED_NODE, ClaimUse, Place
from minikctl.scheduler.framework import (
    SKIP,
    WAIT,
    Change,
    ClusterEvent,
    CycleState,
    Maybe,
    Plugin,
    Status,
    failure,
    unresolvable,
)
from minikctl.scheduler.node_info import NodeInfo, PodInfo

NAME = "VolumeBinding"
CLAIMS, VOLUMES, CLASSES = "persistentvolumeclaims", "persistentvolumes", "storageclasses"
UNBOUND = unresolvable("pod has unbound immediate PersistentVolumeClaims")
NODE_CONFLICT = "node(s) didn't match PersistentVolume's node affinity"
BIND_CONFLICT = "node(s) didn't find available persistent volumes to bind"
NO_VOLUME = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
NO_PROVISIONER = "kubernetes.io/no-provisioner"


@dataclass(slots=True)
class _Claims:
    """A pod's claims, and by node what would be done for those that are not bound."""

    bound: list[Obj] = field(default_factory=list)
    waiting: list[Obj] = field(default_factory=list)
    plans: dict[str, _Plan] = field(default_factory=dict)
    assumed: list[tuple[str, str]] = field(default_factory=list)
    """(kind, key) of what has been assumed."""
    written: bool = False


@dataclass(slots=True)
class _Plan:
    """For one node: claims with the volumes they are to get, and those for which one is to be made."""

    bind: list[tuple[Obj, Obj]] = field(default_factory=list)
    provision: list[Obj] = field(default_factory=list)


def pre_filter(cycle: CycleState, pod: PodInfo) -> Maybe:
    if not pod.claims:
        return SKIP
    found = _Claims()
    for use in volumes.claims_of_pod(pod.obj):
        claim = cycle.handle.assumed[CLAIMS].get(use.name, pod.namespace)
        rejected = _unusable(pod, use, claim)
        if rejected is not None:
            return rejected
        assert claim is not None
        if volumes.is_bound_completely(claim):
            found.bound.append(claim)
        elif not claim["spec"].get("volumeName") and volumes.is_delayed(_class(cycle, claim)):
            found.waiting.append(claim)
        else:
            return UNBOUND
    cycle.notes[NAME] = found
    return None


def _unusable(pod: PodInfo, use: ClaimUse, claim: Obj | None) -> Status | None:
    if claim is None and use.ephemeral:
        return unresolvable(f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{use.name}"')
    if claim is None:
        return unresolvable(f'persistentvolumeclaim "{use.name}" not found')
    if (claim.get("status") or {}).get("phase") == "Lost":
        lost = claim["spec"].get("volumeName", "")
        return unresolvable(f'persistentvolumeclaim "{use.name}" bound to non-existent persistentvolume "{lost}"')
    if is_deleting(claim):
        return unresolvable(f'persistentvolumeclaim "{use.name}" is being deleted')
    if use.ephemeral and not is_controlled_by(claim, pod.obj):
        text = f'PVC "{key(claim)}" was not created for pod "{pod.key}" (pod is not owner)'
        return unresolvable(text)
    return None


def _class(cycle: CycleState, claim: Obj) -> Obj | None:
    return cycle.listers[CLASSES].get(storage_class(claim))


def filter_node(cycle: CycleState, _pod: PodInfo, node: NodeInfo) -> Maybe:
    found: _Claims = cycle.notes[NAME]
    reasons = []
    by_name = cycle.handle.assumed[VOLUMES]
    bound = [by_name.get(c["spec"]["volumeName"]) for c in found.bound]
    if any(v is not None and not volumes.reachable(v, node.labels, node.name) for v in bound):
        reasons.append(NODE_CONFLICT)
    if found.waiting:
        plan = _plan(cycle, found.waiting, node)
        if plan is None:
            reasons.append(BIND_CONFLICT)
        else:
            found.plans[node.name] = plan
    if any(v is None for v in bound):
        reasons.append(NO_VOLUME)
    return unresolvable(*reasons) if reasons else None


def _plan(cycle: CycleState, claims: Sequence[Obj], node: NodeInfo) -> _Plan | None:
    """How every claim gets a volume on a node; None when one of them cannot. The smallest claims choose first."""
    plan = _Plan()
    taken: set[str] = set()
    known: list[Obj] | None = None
    for claim in sorted(claims, key=volumes.requested):
        selected = annotations_of(claim).get(SELECTED_NODE)
        if selected:
            if selected != node.name:
                return None
        else:
            known = known if known is not None else cycle.handle.assumed[VOLUMES].list()
            place = Place(node.name, node.labels)
            volume = volumes.best_match(claim, known, place=place, taken=taken)
            if volume is not None:
                taken.add(name(volume))
                plan.bind.append((claim, volume))
                continue
        storage = _class(cycle, claim)
        if storage is None or storage.get("provisioner") in ("", None, NO_PROVISIONER):
            return None
        if not volumes.topology_allows(storage, node.labels):
            return None
        plan.provision.append(claim)
    return plan


# ---------------------------------------------------------------------- once the node is chosen


def reserve(cycle: CycleState, _pod: PodInfo, node: str) -> Maybe:
    found: _Claims | None = cycle.notes.get(NAME)
    plan = found.plans.get(node) if found is not None else None
    if found is None or plan is None:
        return None
    for i, (claim, volume) in enumerate(plan.bind):
        ref = volumes.claim_reference(claim)
        if volume["spec"].get("claimRef") is None:
            marked = {**annotations_of(volume), BOUND_BY_CONTROLLER: "yes"}
            volume = with_metadata(volume, annotations=marked)
        changed = {**volume, "spec": {**volume["spec"], "claimRef": ref}}
        plan.bind[i] = claim, cycle.handle.assumed[VOLUMES].assume(changed)
        found.assumed.append((VOLUMES, key(changed)))
    for i, claim in enumerate(plan.provision):
        changed = with_metadata(claim, annotations={**annotations_of(claim), SELECTED_NODE: node})
        plan.provision[i] = cycle.handle.assumed[CLAIMS].assume(changed)
        found.assumed.append((CLAIMS, key(changed)))
    return None


def unreserve(cycle: CycleState, _pod: PodInfo, _node: str) -> None:
    found: _Claims | None = cycle.notes.get(NAME)
    if found is None:
        return
    for kind, object_key in found.assumed:
        cycle.handle.assumed[kind].restore(object_key)
    found.assumed.clear()


def pre_bind(cycle: CycleState, _pod: PodInfo, node: str) -> Maybe:
    """Write what was assumed. Runs in another thread."""
    found: _Claims | None = cycle.notes.get(NAME)
    plan = found.plans.get(node) if found is not None else None
    client = cycle.handle.client
    if found is None or plan is None or client is None:
        return None
    found.written = True
    try:
        for kind, objects in ((VOLUMES, [v for _, v in plan.bind]), (CLAIMS, plan.provision)):
            for obj in objects:
                cycle.handle.assumed[kind].assume(client.update(kind, obj))
    except ApiError as e:
        return failure(f"binding volumes: {e.message}")
    return None


def prepared(cycle: CycleState, pod: PodInfo, node: str) -> Maybe:
    """Wait until the binder has bound every claim."""
    found: _Claims | None = cycle.notes.get(NAME)
    if found is None or not found.written:
        return None
    labels = info.labels if (info := cycle.cache.node(node)) is not None else {}
    for waiting in found.waiting:
        claim = cycle.handle.assumed[CLAIMS].by_key(key(waiting))
        if claim is None or is_deleting(claim):
            return failure(f'binding volumes: persistentvolumeclaim "{name(waiting)}" is gone')
        if not volumes.is_bound_completely(claim):
            provisioned = any(name(c) == name(waiting) for c in found.plans[node].provision)
            if provisioned and annotations_of(claim).get(SELECTED_NODE) != node:
                return failure(f'binding volumes: selected node annotation reset for PVC "{name(waiting)}"')
            return WAIT
        volume = cycle.handle.assumed[VOLUMES].get(claim["spec"]["volumeName"])
        if volume is not None and not volumes.reachable(volume, labels, node):
            return failure(f"binding volumes: pv {name(volume)} node affinity doesn't match node {node}: {pod.key}")
    return None


def hint(pod: PodInfo, change: Change) -> bool:
    """Claims concern the pods that mount them; volumes, classes and nodes may concern everybody."""
    return change.event is not ClusterEvent.CLAIM or key(change.obj) in pod.claims


PLUGIN = Plugin(
    NAME,
    order=100,
    requeue_on=frozenset(
        {
            ClusterEvent.NODE_ADD,
            ClusterEvent.NODE_LABEL,
            ClusterEvent.CLAIM,
            ClusterEvent.VOLUME,
            ClusterEvent.CLASS,
        }
    ),
    hint=hint,
    listers=(CLASSES,),
    assumes=(CLAIMS, VOLUMES),
    pre_filter=pre_filter,
    filter=filter_node,
    reserve=reserve,
    unreserve=unreserve,
    pre_bind=pre_bind,
    prepared=prepared,
)
