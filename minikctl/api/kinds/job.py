"""Job."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="batch",
    version="v1",
    kind="Job",
    plural="jobs",
    type="batch/v1.Job",
    categories=("all",),
    subresources=("status",),
    has_generation=True,
)
