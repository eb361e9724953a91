"""CSIDriver."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="storage.k8s.io",
    version="v1",
    kind="CSIDriver",
    plural="csidrivers",
    type="storage/v1.CSIDriver",
    namespaced=False,
)
