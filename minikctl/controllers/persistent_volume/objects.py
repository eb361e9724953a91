"""Claims and volumes as they are to become. Pure: each function returns a changed copy, or None when nothing changes."""

from __future__ import annotations

from minikctl.api import volumes
from minikctl.api.meta import Obj, annotations_of, name, uid, with_metadata
from minikctl.api.volumes import BIND_COMPLETED, BOUND_BY_CONTROLLER, PROVISIONER

BOUND, PENDING, LOST = "Bound", "Pending", "Lost"
AVAILABLE, RELEASED, FAILED = "Available", "Released", "Failed"


def volume_for_claim(volume: Obj, claim: Obj) -> Obj | None:
    """The volume with its claimRef complete. One that a person reserved keeps to be theirs."""
    ref = volume["spec"].get("claimRef")
    if ref is not None and ref.get("uid") == uid(claim):
        return None
    changed = {**volume, "spec": {**volume["spec"], "claimRef": volumes.claim_reference(claim)}}
    return changed if ref is not None else _annotated(changed, **{BOUND_BY_CONTROLLER: "yes"})


def claim_for_volume(claim: Obj, volume: Obj) -> Obj | None:
    """The claim with its volumeName, marked as bound for good."""
    changed = claim
    if not claim["spec"].get("volumeName"):
        changed = {**claim, "spec": {**claim["spec"], "volumeName": name(volume)}}
        changed = _annotated(changed, **{BOUND_BY_CONTROLLER: "yes"})
    if BIND_COMPLETED not in annotations_of(changed):
        changed = _annotated(changed, **{BIND_COMPLETED: "yes"})
    return None if changed is claim else changed


def volume_without_claim(volume: Obj) -> Obj:
    """Free again; one that a person reserved stays reserved for the claim's name."""
    if BOUND_BY_CONTROLLER not in annotations_of(volume):
        ref = {k: v for k, v in volume["spec"]["claimRef"].items() if k != "uid"}
        return {**volume, "spec": {**volume["spec"], "claimRef": ref}}
    kept = {k: v for k, v in annotations_of(volume).items() if k != BOUND_BY_CONTROLLER}
    spec = {k: v for k, v in volume["spec"].items() if k != "claimRef"}
    return {**with_metadata(volume, annotations=kept), "spec": spec}


def volume_in_phase(volume: Obj, phase: str, now: str, message: str = "") -> Obj | None:
    status = volume.get("status") or {}
    if status.get("phase") == phase:
        return None
    fresh = {k: v for k, v in status.items() if k not in ("message", "reason")}
    fresh |= {"phase": phase, "lastPhaseTransitionTime": now} | ({"message": message} if message else {})
    return {**volume, "status": fresh}


def claim_in_phase(claim: Obj, phase: str, volume: Obj | None = None) -> Obj | None:
    """With what the volume gives it. The size is taken over once: later it is whoever expands the volume who sets it."""
    status = claim.get("status") or {}
    fresh = {**status, "phase": phase}
    if volume is None:
        for field in ("accessModes", "capacity"):
            fresh.pop(field, None)
    else:
        fresh["accessModes"] = volume["spec"].get("accessModes") or []
        if status.get("phase") != BOUND or not (status.get("capacity") or {}).get("storage"):
            fresh["capacity"] = volume["spec"].get("capacity") or {}
        if volume["spec"].get("volumeAttributesClassName"):
            fresh["currentVolumeAttributesClassName"] = volume["spec"]["volumeAttributesClassName"]
    return None if fresh == status else {**claim, "status": fresh}


def claim_for_provisioner(claim: Obj, provisioner: str) -> Obj | None:
    """The claim with the name of who shall make its volume."""
    wanted = dict.fromkeys(PROVISIONER, provisioner)
    if all(annotations_of(claim).get(k) == v for k, v in wanted.items()):
        return None
    return _annotated(claim, **wanted)


def _annotated(obj: Obj, **annotations: str) -> Obj:
    return with_metadata(obj, annotations={**annotations_of(obj), **annotations})
