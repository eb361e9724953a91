"""NetworkPolicy."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="networking.k8s.io",
    version="v1",
    kind="NetworkPolicy",
    plural="networkpolicies",
    type="networking/v1.NetworkPolicy",
    short_names=("netpol",),
    has_generation=True,
)
