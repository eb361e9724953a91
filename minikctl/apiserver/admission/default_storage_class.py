"""DefaultStorageClass: a claim that leaves its class open gets the default one, if there is one.

Source: concept "Storage Classes", admission plugin `storage/storageclass/setdefault`.
"""

from __future__ import annotations

from minikctl.api import volumes
from minikctl.api.meta import name
from minikctl.apiserver.admission import Cluster, Plugin
from minikctl.apiserver.request import Attributes


def mutate(a: Attributes, api: Cluster) -> None:
    if a.obj is None or volumes.has_class(a.obj):
        return
    found = volumes.default_class(api.read_all("storageclasses.storage.k8s.io"))
    if found is not None:
        a.obj["spec"]["storageClassName"] = name(found)


PLUGIN = Plugin(
    "DefaultStorageClass",
    order=80,
    mutate=mutate,
    operations=("CREATE",),
    handles=frozenset({"persistentvolumeclaims"}),
)
