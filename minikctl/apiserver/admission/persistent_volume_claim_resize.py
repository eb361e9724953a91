"""PersistentVolumeClaimResize: only a bound claim of a class that allows it can ask for more.

Source: concept "Persistent Volumes" (expanding), admission plugin `storage/persistentvolume/resize`.
"""

from __future__ import annotations

from minikctl.api import quantity
from minikctl.api.kinds.persistent_volume_claim import storage_class
from minikctl.api.meta import Obj, get_path
from minikctl.apiserver.admission import Cluster, Plugin, forbidden
from minikctl.apiserver.request import Attributes


def validate(a: Attributes, api: Cluster) -> None:
    if a.obj is None or a.old is None or _size(a.obj) <= _size(a.old):
        return
    if get_path(a.old, "status", "phase") != "Bound":
        raise forbidden(a, "Only bound persistent volume claims can be expanded")
    named = storage_class(a.obj)
    storage = api.read("storageclasses.storage.k8s.io", "", named) if named else None
    if storage is None or not storage.get("allowVolumeExpansion"):
        why = (
            "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must "
            "support resize"
        )
        raise forbidden(a, why)


def _size(claim: Obj) -> int:
    return quantity.parse(get_path(claim, "spec", "resources", "requests", "storage", default="0"))


PLUGIN = Plugin(
    "PersistentVolumeClaimResize",
    order=230,
    validate=validate,
    operations=("UPDATE",),
    handles=frozenset({"persistentvolumeclaims"}),
)
