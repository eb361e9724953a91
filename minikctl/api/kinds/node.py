"""Node."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="",
    version="v1",
    kind="Node",
    plural="nodes",
    type="core/v1.Node",
    namespaced=False,
    short_names=("no",),
    subresources=("status", "proxy"),
)
