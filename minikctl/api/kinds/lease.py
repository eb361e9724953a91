"""Lease: a claim that its holder renews: leader election, node heartbeats."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError, field_invalid, field_required
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj

NO_STRATEGY = "must be specified when `preferredHolder` is specified"


def validate(obj: Obj) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors = []
    duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if duration is not None and duration <= 0:
        errors.append(field_invalid("spec.leaseDurationSeconds", duration, "must be greater than 0"))
    if transitions is not None and transitions < 0:
        errors.append(field_invalid("spec.leaseTransitions", transitions, "must be greater than or equal to 0"))
    if spec.get("preferredHolder") and not spec.get("strategy"):
        errors.append(field_required("spec.strategy", NO_STRATEGY))
    return errors


def row(obj: Obj, now: datetime) -> list[Cell]:
    holder = (obj.get("spec") or {}).get("holderIdentity") or ""
    return [obj["metadata"]["name"], holder, since(obj["metadata"].get("creationTimestamp"), now)]


KIND = Kind(
    group="coordination.k8s.io",
    version="v1",
    kind="Lease",
    plural="leases",
    type="coordination/v1.Lease",
    allow_create_on_update=True,
    validate=validate,
    columns=(NAME, Column("Holder"), AGE),
    row=row,
)
