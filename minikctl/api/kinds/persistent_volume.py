"""PersistentVolume."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="",
    version="v1",
    kind="PersistentVolume",
    plural="persistentvolumes",
    type="core/v1.PersistentVolume",
    namespaced=False,
    short_names=("pv",),
    subresources=("status",),
)
