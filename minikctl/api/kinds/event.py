"""Event."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="",
    version="v1",
    kind="Event",
    plural="events",
    type="core/v1.Event",
    short_names=("ev",),
)
