"""CSIStorageCapacity."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="storage.k8s.io",
    version="v1",
    kind="CSIStorageCapacity",
    plural="csistoragecapacities",
    type="storage/v1.CSIStorageCapacity",
)
