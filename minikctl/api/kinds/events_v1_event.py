"""Event."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="events.k8s.io",
    version="v1",
    kind="Event",
    plural="events",
    type="events/v1.Event",
    short_names=("ev",),
    storage="events",
)
