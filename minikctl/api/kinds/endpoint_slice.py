"""EndpointSlice."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="discovery.k8s.io",
    version="v1",
    kind="EndpointSlice",
    plural="endpointslices",
    type="discovery/v1.EndpointSlice",
    has_generation=True,
)
