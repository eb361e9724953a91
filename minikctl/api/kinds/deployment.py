"""Deployment."""

from minikctl.api.kind import Kind, ScalePaths

KIND = Kind(
    group="apps",
    version="v1",
    kind="Deployment",
    plural="deployments",
    type="apps/v1.Deployment",
    short_names=("deploy",),
    categories=("all",),
    subresources=("status", "scale"),
    scale=ScalePaths(),
    has_generation=True,
)
