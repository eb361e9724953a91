"""DaemonSet."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="apps",
    version="v1",
    kind="DaemonSet",
    plural="daemonsets",
    type="apps/v1.DaemonSet",
    short_names=("ds",),
    categories=("all",),
    subresources=("status",),
    has_generation=True,
)
