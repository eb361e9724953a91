"""Which volume a claim can have. Shared by the binder, the scheduler and the provisioner; pure functions on dicts.

A claim and a volume are bound when they name each other: the volume's `spec.claimRef` with the claim's uid, and the
claim's `spec.volumeName`. Source: concept "Persistent Volumes"; Kubernetes `component-helpers/storage/volume`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from minikctl.api import quantity
from minikctl.api.kinds.persistent_volume_claim import CLASS_ANNOTATION, storage_class
from minikctl.api.kinds.storage_class import is_default
from minikctl.api.meta import Obj, Objects, annotations_of, get_path, is_deleting, labels_of, name, namespace, uid
from minikctl.api.scheduling import matches_term
from minikctl.api.selectors import from_label_selector

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
"""On a claim: it was bound once. From then on it can only stay bound or be lost."""
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
"""On either: the other side was chosen by the binder or the scheduler, not by a person."""
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
PROVISIONER = ("volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner")
"""On a claim: who shall make a volume for it."""
SELECTED_NODE = "volume.kubernetes.io/selected-node"
"""On a claim of a class that waits: the node of its first pod, chosen by the scheduler."""
WAIT_FOR_FIRST_CONSUMER = "WaitForFirstConsumer"
OWN_PROVISIONER = "minikctl.io/hostpath"
"""The one that this cluster brings: it makes directories below the state directory."""
PVC_PROTECTION, PV_PROTECTION = "kubernetes.io/pvc-protection", "kubernetes.io/pv-protection"
"""Finalizers: a claim stays as long as a pod uses it, a volume as long as it is bound."""

# ---------------------------------------------------------------------- reading


def has_class(claim: Obj) -> bool:
    """False for a claim that leaves its class open; the empty class is one, too: no provisioning."""
    return CLASS_ANNOTATION in annotations_of(claim) or claim["spec"].get("storageClassName") is not None


def default_class(classes: Iterable[Obj]) -> Obj | None:
    """The default class: the newest of those marked so, the first by name among those of one moment."""
    marked = [c for c in classes if is_default(c)]
    marked.sort(key=name)
    marked.sort(key=lambda c: c["metadata"].get("creationTimestamp") or "", reverse=True)
    return marked[0] if marked else None


def is_delayed(storage: Obj | None) -> bool:
    """True for a class whose claims are bound when their first pod is scheduled."""
    return storage is not None and storage.get("volumeBindingMode") == WAIT_FOR_FIRST_CONSUMER


def requested(claim: Obj) -> int:
    """Bytes."""
    return quantity.value(get_path(claim, "spec", "resources", "requests", "storage", default="0"))


def capacity(volume: Obj) -> int:
    """Bytes."""
    return quantity.value(get_path(volume, "spec", "capacity", "storage", default="0"))


def is_bound_completely(claim: Obj) -> bool:
    return BIND_COMPLETED in annotations_of(claim) and bool(claim["spec"].get("volumeName"))


def claims(volume: Obj, claim: Obj) -> bool:
    """True when the volume's claimRef means this claim; one without uid means the claim of that name."""
    ref = volume["spec"].get("claimRef")
    if ref is None or ref.get("name") != name(claim) or ref.get("namespace") != namespace(claim):
        return False
    return not ref.get("uid") or ref["uid"] == uid(claim)


def claim_reference(claim: Obj) -> Obj:
    """What goes into a volume's claimRef."""
    meta = claim["metadata"]
    reference = {
        "kind": "PersistentVolumeClaim",
        "namespace": namespace(claim),
        "name": name(claim),
        "uid": uid(claim),
        "apiVersion": "v1",
        "resourceVersion": meta.get("resourceVersion", ""),
    }
    return {k: v for k, v in reference.items() if v}


@dataclass(frozen=True, slots=True)
class ClaimUse:
    """A claim that a pod mounts. `ephemeral`: it is made for the pod and dies with it."""

    name: str
    ephemeral: bool = False


def claims_of_pod(pod: Obj) -> list[ClaimUse]:
    """The claims that a pod's volumes name, in order, each once."""
    found: dict[str, ClaimUse] = {}
    for volume in (pod.get("spec") or {}).get("volumes") or []:
        if volume.get("persistentVolumeClaim"):
            use = ClaimUse(volume["persistentVolumeClaim"].get("claimName") or "")
        elif volume.get("ephemeral"):
            use = ClaimUse(ephemeral_claim_name(pod, volume), True)
        else:
            continue
        found.setdefault(use.name, use)
    return list(found.values())


def ephemeral_claim_name(pod: Obj, volume: Obj) -> str:
    """KEP-1698: the pod's name and the volume's."""
    return f"{name(pod)}-{volume['name']}"


# ---------------------------------------------------------------------- matching


def reachable(volume: Obj, labels: Mapping[str, str], node: str) -> bool:
    """True when a node of this name and these labels can use the volume: its node affinity."""
    required = get_path(volume, "spec", "nodeAffinity", "required")
    if required is None:
        return True
    return any(matches_term(term, labels, node) for term in required.get("nodeSelectorTerms") or [])


def topology_allows(storage: Obj, labels: Mapping[str, str]) -> bool:
    """True when a class may make volumes for a node with these labels: its allowedTopologies."""
    terms = storage.get("allowedTopologies") or []
    return not terms or any(
        all(labels.get(e["key"]) in (e.get("values") or ()) for e in term.get("matchLabelExpressions") or [])
        for term in terms
    )


def mismatch(volume: Obj, claim: Obj) -> str:
    """Why a claim cannot have the volume that it names; `""` when it can."""
    if capacity(volume) < requested(claim):
        return "requested PV is too small"
    if storage_class(volume) != storage_class(claim):
        return "storageClassName does not match"
    if _attributes_class(volume) != _attributes_class(claim):
        return "volumeAttributesClassName does not match"
    if not same_mode(volume, claim):
        return "incompatible volumeMode"
    if not has_modes(volume, claim):
        return "incompatible accessMode"
    return ""


def same_mode(volume: Obj, claim: Obj) -> bool:
    """Both are file systems, or both devices."""
    return bool(_mode(volume) == _mode(claim))


def _mode(obj: Obj) -> str:
    return obj["spec"].get("volumeMode") or "Filesystem"


def has_modes(volume: Obj, claim: Obj) -> bool:
    """True when the volume has all access modes that the claim asks for."""
    return set(claim["spec"].get("accessModes") or ()) <= set(volume["spec"].get("accessModes") or ())


def _attributes_class(obj: Obj) -> str:
    return obj["spec"].get("volumeAttributesClassName") or ""


@dataclass(frozen=True, slots=True)
class Place:
    """A node, for the question whether a volume reaches it."""

    name: str
    labels: Mapping[str, str]


def best_match(
    claim: Obj,
    volumes: Iterable[Obj],
    *,
    place: Place | None = None,
    taken: Collection[str] = (),
    reserved_only: bool = False,
) -> Obj | None:
    """The volume that a claim should have, None when none will do.

    One that is reserved for the claim comes first, if it is large enough; else the one with the fewest access modes,
    the smallest, the first by name, of those that satisfy everything the claim asks for. `place`: only volumes that
    reach this node. `taken`: names of volumes that are spoken for. `reserved_only`: leave the others to the scheduler.
    """
    wanted = from_label_selector(claim["spec"]["selector"]) if claim["spec"].get("selector") is not None else None
    size = requested(claim)
    found: Objects = []
    for volume in volumes:
        if name(volume) in taken or is_deleting(volume) or not same_mode(volume, claim) or capacity(volume) < size:
            continue
        reaches = place is None or reachable(volume, place.labels, place.name)
        if claims(volume, claim):
            return volume if reaches and has_modes(volume, claim) else None
        if reserved_only or not reaches or volume["spec"].get("claimRef") is not None:
            continue
        if wanted is not None and not wanted.matches(labels_of(volume)):
            continue
        if not mismatch(volume, claim):
            found.append(volume)
    return min(found, key=lambda v: (len(v["spec"].get("accessModes") or ()), capacity(v), name(v)), default=None)
