"""APIService."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="apiregistration.k8s.io",
    version="v1",
    kind="APIService",
    plural="apiservices",
    type="apiregistration/v1.APIService",
    namespaced=False,
    categories=("api-extensions",),
    subresources=("status",),
)
