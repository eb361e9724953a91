"""Service."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="",
    version="v1",
    kind="Service",
    plural="services",
    type="core/v1.Service",
    short_names=("svc",),
    categories=("all",),
    subresources=("status", "proxy"),
)
