"""PriorityClass."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="scheduling.k8s.io",
    version="v1",
    kind="PriorityClass",
    plural="priorityclasses",
    type="scheduling/v1.PriorityClass",
    namespaced=False,
    short_names=("pc",),
    has_generation=True,
)
