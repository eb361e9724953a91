"""Endpoints."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="",
    version="v1",
    kind="Endpoints",
    plural="endpoints",
    type="core/v1.Endpoints",
    short_names=("ep",),
)
