"""CSINode."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="storage.k8s.io",
    version="v1",
    kind="CSINode",
    plural="csinodes",
    type="storage/v1.CSINode",
    namespaced=False,
)
