"""IngressClass."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="networking.k8s.io",
    version="v1",
    kind="IngressClass",
    plural="ingressclasses",
    type="networking/v1.IngressClass",
    namespaced=False,
    has_generation=True,
)
