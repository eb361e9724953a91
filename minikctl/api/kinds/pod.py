"""Pod."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="",
    version="v1",
    kind="Pod",
    plural="pods",
    type="core/v1.Pod",
    short_names=("po",),
    categories=("all",),
    subresources=(
        "status",
        "log",
        "exec",
        "attach",
        "portforward",
        "proxy",
        "binding",
        "eviction",
        "ephemeralcontainers",
        "resize",
    ),
    has_generation=True,
    graceful=True,
)
