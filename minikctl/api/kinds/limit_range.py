"""LimitRange: bounds and defaults for the resources of single pods, containers and claims in a namespace."""

from minikctl.api.errors import FieldError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj


def default(obj: Obj) -> None:
    """For containers: a limit is the maximum unless said otherwise, a request the limit or the minimum."""
    for item in obj["spec"].get("limits") or []:
        if item.get("type") != "Container":
            continue
        limits = {**(item.get("max") or {}), **(item.get("default") or {})}
        requests = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
        for field, values in (("default", limits), ("defaultRequest", requests)):
            if values:
                item[field] = dict(sorted(values.items()))


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import quota

    return quota.validate_limits(obj)


KIND = Kind(
    group="",
    version="v1",
    kind="LimitRange",
    plural="limitranges",
    type="core/v1.LimitRange",
    short_names=("limits",),
    default=default,
    validate=validate,
)
