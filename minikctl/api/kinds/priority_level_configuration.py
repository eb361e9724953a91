"""PriorityLevelConfiguration: a share of the API server's attention. Kept, not acted upon."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj

SHARES, QUEUES, HAND, LENGTH = 30, 64, 8, 50


def default(obj: Obj) -> None:
    spec = obj["spec"]
    if spec.get("type") == "Exempt":
        exempt = spec.get("exempt") or {}
        spec["exempt"] = {"nominalConcurrencyShares": 0, "lendablePercent": 0, **exempt}
    limited = spec.get("limited")
    if limited is None:
        return
    if limited.get("nominalConcurrencyShares") is None:
        limited["nominalConcurrencyShares"] = SHARES
    limited.setdefault("lendablePercent", 0)
    queuing = (limited.get("limitResponse") or {}).get("queuing")
    if queuing is not None:
        for field, value in (("queues", QUEUES), ("handSize", HAND), ("queueLengthLimit", LENGTH)):
            queuing[field] = queuing.get(field) or value


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import flow_control

    return flow_control.validate_level(obj)


def row(obj: Obj, now: datetime) -> list[Cell]:
    spec, meta = obj.get("spec") or {}, obj["metadata"]
    source = spec.get("exempt") if spec.get("type") == "Exempt" else spec.get("limited")
    shares = (source or {}).get("nominalConcurrencyShares")
    queuing = ((spec.get("limited") or {}).get("limitResponse") or {}).get("queuing")
    numbers = [queuing[f] if queuing else "<none>" for f in ("queues", "handSize", "queueLengthLimit")]
    shown = "<none>" if shares is None else shares
    return [meta["name"], spec.get("type", ""), shown, *numbers, since(meta.get("creationTimestamp"), now)]


KIND = Kind(
    group="flowcontrol.apiserver.k8s.io",
    version="v1",
    kind="PriorityLevelConfiguration",
    plural="prioritylevelconfigurations",
    type="flowcontrol/v1.PriorityLevelConfiguration",
    namespaced=False,
    subresources=("status",),
    has_generation=True,
    default=default,
    validate=validate,
    columns=(
        NAME,
        Column("Type"),
        Column("NominalConcurrencyShares"),
        Column("Queues"),
        Column("HandSize"),
        Column("QueueLengthLimit"),
        AGE,
    ),
    row=row,
)
