"""CronJob."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="batch",
    version="v1",
    kind="CronJob",
    plural="cronjobs",
    type="batch/v1.CronJob",
    short_names=("cj",),
    categories=("all",),
    subresources=("status",),
    has_generation=True,
)
