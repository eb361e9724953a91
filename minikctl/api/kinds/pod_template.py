"""PodTemplate."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="",
    version="v1",
    kind="PodTemplate",
    plural="podtemplates",
    type="core/v1.PodTemplate",
    has_generation=True,
)
