"""Event of events.k8s.io/v1: the same events as core/v1's, with other names for their fields.

Source: KEP-383, Kubernetes `pkg/apis/events/v1/conversion.go`. They are stored in core/v1's form.
"""

from datetime import datetime

from minikctl.api.errors import FieldError
from minikctl.api.kind import Cell, Kind
from minikctl.api.kinds import event as core
from minikctl.api.meta import Obj

_CORE_NAMES = {
    "regarding": "involvedObject",
    "note": "message",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
    "reportingController": "reportingComponent",
}
_NEW_NAMES = {old: new for new, old in _CORE_NAMES.items()}


def to_core(obj: Obj) -> Obj:
    """The core/v1 form. Shares its parts."""
    renamed = {_CORE_NAMES.get(field, field): value for field, value in obj.items()}
    return {**renamed, "apiVersion": "v1"}


def from_core(obj: Obj) -> Obj:
    """The events.k8s.io/v1 form of a core/v1 Event. Shares its parts."""
    renamed = {_NEW_NAMES.get(field, field): value for field, value in obj.items()}
    return {**renamed, "apiVersion": "events.k8s.io/v1"}


def selectable_fields(obj: Obj) -> dict[str, str]:
    fields = core.selectable_fields(to_core(obj))
    regarding = {k.replace("involvedObject", "regarding"): v for k, v in fields.items() if k.startswith("involved")}
    reporter = {"reportingController": fields["reportingComponent"]}
    return regarding | reporter | {k: fields[k] for k in ("reason", "type")}


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import event

    as_core = to_core(obj)
    is_new = not obj["metadata"].get("resourceVersion")
    return event.validate(as_core) + (event.validate_new_style(as_core) if is_new else [])


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import event

    return event.validate_new_style_update(to_core(obj), to_core(old))


def row(obj: Obj, now: datetime) -> list[Cell]:
    return core.row(to_core(obj), now)


KIND = Kind(
    group="events.k8s.io",
    version="v1",
    kind="Event",
    plural="events",
    type="events/v1.Event",
    short_names=("ev",),
    storage="events",
    allow_create_on_update=True,
    validate=validate,
    validate_update=validate_update,
    selectable_fields=selectable_fields,
    columns=core.COLUMNS,
    row=row,
)
