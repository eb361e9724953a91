"""Volumes that need a driver or a network that is not here: said plainly."""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.kubelet.volumes import VolumeError


def refusal(source: Obj) -> VolumeError:
    """`source`: a volume of a pod, or the spec of a PersistentVolume."""
    if "csi" in source:
        driver = source["csi"].get("driver", "")
        return VolumeError(f"driver name {driver} not found in the list of registered CSI drivers (minikctl runs none)")
    known = ("accessModes", "capacity", "claimRef", "name", "nodeAffinity", "persistentVolumeReclaimPolicy")
    kind = next((k for k in source if k not in known and isinstance(source[k], dict)), "this type")
    return VolumeError(
        f"volumes of type {kind} cannot be mounted by minikctl: containers have directories of this machine only"
    )
