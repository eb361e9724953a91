"""StorageObjectInUseProtection: new claims and volumes carry the finalizer that keeps them while they are in use.

Source: concept "Persistent Volumes", admission plugin `storage/storageobjectinuseprotection`.
"""

from __future__ import annotations

from minikctl.api.volumes import PV_PROTECTION, PVC_PROTECTION
from minikctl.apiserver.admission import Cluster, Plugin
from minikctl.apiserver.request import Attributes

FINALIZERS = {"persistentvolumeclaims": PVC_PROTECTION, "persistentvolumes": PV_PROTECTION}


def mutate(a: Attributes, _api: Cluster) -> None:
    if a.obj is None:
        return
    finalizer, present = FINALIZERS[a.kind.resource], a.obj["metadata"].get("finalizers") or []
    if finalizer not in present:
        a.obj["metadata"]["finalizers"] = [*present, finalizer]


PLUGIN = Plugin(
    "StorageObjectInUseProtection",
    order=82,
    mutate=mutate,
    operations=("CREATE",),
    handles=frozenset(FINALIZERS),
)
