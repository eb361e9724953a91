"""StatefulSet."""

from minikctl.api.kind import Kind, ScalePaths

KIND = Kind(
    group="apps",
    version="v1",
    kind="StatefulSet",
    plural="statefulsets",
    type="apps/v1.StatefulSet",
    short_names=("sts",),
    categories=("all",),
    subresources=("status", "scale"),
    scale=ScalePaths(),
    has_generation=True,
)
