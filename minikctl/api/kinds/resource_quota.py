"""ResourceQuota."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="",
    version="v1",
    kind="ResourceQuota",
    plural="resourcequotas",
    type="core/v1.ResourceQuota",
    short_names=("quota",),
    subresources=("status",),
)
