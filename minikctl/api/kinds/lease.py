"""Lease."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="coordination.k8s.io",
    version="v1",
    kind="Lease",
    plural="leases",
    type="coordination/v1.Lease",
)
