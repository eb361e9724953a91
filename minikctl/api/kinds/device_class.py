"""DeviceClass: a sort of devices that claims ask for. Source: concept "Dynamic Resource Allocation"."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Kind
from minikctl.api.meta import Obj


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import devices

    return devices.selectors((obj.get("spec") or {}).get("selectors"), "spec.selectors")


def row(obj: Obj, now: datetime) -> list[Cell]:
    return [obj["metadata"]["name"], since(obj["metadata"].get("creationTimestamp"), now)]


KIND = Kind(
    group="resource.k8s.io",
    version="v1",
    kind="DeviceClass",
    plural="deviceclasses",
    type="resource/v1.DeviceClass",
    namespaced=False,
    has_generation=True,
    validate=validate,
    columns=(NAME, AGE),
    row=row,
)
