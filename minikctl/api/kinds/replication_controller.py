"""ReplicationController."""

from minikctl.api.kind import Kind, ScalePaths

KIND = Kind(
    group="",
    version="v1",
    kind="ReplicationController",
    plural="replicationcontrollers",
    type="core/v1.ReplicationController",
    short_names=("rc",),
    categories=("all",),
    subresources=("status", "scale"),
    scale=ScalePaths(),
    has_generation=True,
)
