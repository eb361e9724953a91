"""Secret."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="",
    version="v1",
    kind="Secret",
    plural="secrets",
    type="core/v1.Secret",
)
