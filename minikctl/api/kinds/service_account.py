"""ServiceAccount."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="",
    version="v1",
    kind="ServiceAccount",
    plural="serviceaccounts",
    type="core/v1.ServiceAccount",
    short_names=("sa",),
    subresources=("token",),
)
