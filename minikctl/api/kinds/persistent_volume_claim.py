"""PersistentVolumeClaim."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="",
    version="v1",
    kind="PersistentVolumeClaim",
    plural="persistentvolumeclaims",
    type="core/v1.PersistentVolumeClaim",
    short_names=("pvc",),
    subresources=("status",),
)
