"""StorageClass."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="storage.k8s.io",
    version="v1",
    kind="StorageClass",
    plural="storageclasses",
    type="storage/v1.StorageClass",
    namespaced=False,
    short_names=("sc",),
)
