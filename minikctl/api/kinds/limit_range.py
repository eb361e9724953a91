"""LimitRange."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="",
    version="v1",
    kind="LimitRange",
    plural="limitranges",
    type="core/v1.LimitRange",
    short_names=("limits",),
)
