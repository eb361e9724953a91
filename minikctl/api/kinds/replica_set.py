"""ReplicaSet."""

from minikctl.api.kind import Kind, ScalePaths

KIND = Kind(
    group="apps",
    version="v1",
    kind="ReplicaSet",
    plural="replicasets",
    type="apps/v1.ReplicaSet",
    short_names=("rs",),
    categories=("all",),
    subresources=("status", "scale"),
    scale=ScalePaths(),
    has_generation=True,
)
