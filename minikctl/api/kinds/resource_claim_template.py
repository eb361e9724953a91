"""ResourceClaimTemplate: what claims that are made for pods look like. Source: concept "Dynamic Resource Allocation"."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError, field_invalid
from minikctl.api.kind import AGE, NAME, Cell, Kind
from minikctl.api.meta import Obj


def default(obj: Obj) -> None:
    from minikctl.api.validation import devices

    devices.default_claim((obj.get("spec") or {}).get("spec") or {})


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import devices

    return devices.claim((obj.get("spec") or {}).get("spec") or {}, "spec.spec")


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    now, before = obj.get("spec") or {}, old.get("spec") or {}
    return [] if now == before else [field_invalid("spec", now, "field is immutable")]


def row(obj: Obj, now: datetime) -> list[Cell]:
    return [obj["metadata"]["name"], since(obj["metadata"].get("creationTimestamp"), now)]


KIND = Kind(
    group="resource.k8s.io",
    version="v1",
    kind="ResourceClaimTemplate",
    plural="resourceclaimtemplates",
    type="resource/v1.ResourceClaimTemplate",
    default=default,
    validate=validate,
    validate_update=validate_update,
    columns=(NAME, AGE),
    row=row,
)
