"""ResourceClaim: devices that somebody wants, and those that a driver's scheduler has given. Nothing in this cluster
allocates any: pods that name claims wait, and say so. Source: concept "Dynamic Resource Allocation"."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError, field_invalid
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj, is_deleting


def default(obj: Obj) -> None:
    from minikctl.api.validation import devices

    devices.default_claim(obj.get("spec") or {})


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import devices

    return devices.claim(obj.get("spec") or {}, "spec")


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    now, before = obj.get("spec") or {}, old.get("spec") or {}
    return [] if now == before else [field_invalid("spec", now, "field is immutable")]


def state(obj: Obj) -> str:
    """What printers call it."""
    status = obj.get("status") or {}
    words = ["deleted"] if is_deleting(obj) else []
    words += ["allocated"] if status.get("allocation") else []
    words += ["reserved"] if status.get("reservedFor") else []
    return ",".join(words) or "pending"


def row(obj: Obj, now: datetime) -> list[Cell]:
    return [obj["metadata"]["name"], state(obj), since(obj["metadata"].get("creationTimestamp"), now)]


KIND = Kind(
    group="resource.k8s.io",
    version="v1",
    kind="ResourceClaim",
    plural="resourceclaims",
    type="resource/v1.ResourceClaim",
    subresources=("status",),
    default=default,
    validate=validate,
    validate_update=validate_update,
    columns=(NAME, Column("State"), AGE),
    row=row,
)
