"""ServiceCIDR."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="networking.k8s.io",
    version="v1",
    kind="ServiceCIDR",
    plural="servicecidrs",
    type="networking/v1.ServiceCIDR",
    namespaced=False,
    subresources=("status",),
)
