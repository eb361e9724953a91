"""FlowSchema: which requests to the API server belong to which priority level. Kept, not acted upon."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj, find_condition


def default(obj: Obj) -> None:
    if not obj["spec"].get("matchingPrecedence"):
        obj["spec"]["matchingPrecedence"] = 1000


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import flow_control

    return flow_control.validate_schema(obj)


def row(obj: Obj, now: datetime) -> list[Cell]:
    spec, meta = obj.get("spec") or {}, obj["metadata"]
    dangling = find_condition((obj.get("status") or {}).get("conditions") or [], "Dangling")
    return [
        meta["name"],
        (spec.get("priorityLevelConfiguration") or {}).get("name", ""),
        spec.get("matchingPrecedence", 0),
        (spec.get("distinguisherMethod") or {}).get("type") or "<none>",
        since(meta.get("creationTimestamp"), now),
        "?" if dangling is None else str(dangling.get("status")),
    ]


KIND = Kind(
    group="flowcontrol.apiserver.k8s.io",
    version="v1",
    kind="FlowSchema",
    plural="flowschemas",
    type="flowcontrol/v1.FlowSchema",
    namespaced=False,
    subresources=("status",),
    has_generation=True,
    default=default,
    validate=validate,
    columns=(
        NAME,
        Column("PriorityLevel"),
        Column("MatchingPrecedence", "integer"),
        Column("DistinguisherMethod"),
        AGE,
        Column("MissingPL"),
    ),
    row=row,
)
