"""Volumes that need a driver or a kernel's help that is not here: said plainly."""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.kubelet.volumes import VolumeProblem

NETWORK = (
    "nfs",
    "iscsi",
    "fc",
    "rbd",
    "cephfs",
    "cinder",
    "glusterfs",
    "flexVolume",
    "flocker",
    "azureDisk",
    "azureFile",
    "awsElasticBlockStore",
    "gcePersistentDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "scaleIO",
    "storageos",
    "vsphereVolume",
)


def refuse(spec: Obj, volume: str) -> VolumeProblem:
    """`spec`: of a PersistentVolume, or a pod's own volume."""
    if "csi" in spec:
        driver = spec["csi"].get("driver", "")
        why = f"driver name {driver} not found in the list of registered CSI drivers (minikctl runs none)"
        return VolumeProblem(f'MountVolume.SetUp failed for volume "{volume}" : {why}')
    kind = next((k for k in NETWORK if k in spec), "this type")
    why = f"volumes of type {kind} cannot be mounted by minikctl: containers have directories of this machine only"
    return VolumeProblem(f'MountVolume.SetUp failed for volume "{volume}" : {why}')
