"""Ingress."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="networking.k8s.io",
    version="v1",
    kind="Ingress",
    plural="ingresses",
    type="networking/v1.Ingress",
    short_names=("ing",),
    subresources=("status",),
    has_generation=True,
)
