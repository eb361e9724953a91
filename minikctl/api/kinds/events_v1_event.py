"""Event of events.k8s.io/v1: the same events as core/v1's, with other names for their fields.

Source: KEP-383, Kubernetes `pkg/apis/events/v1/conversion.go`. They are stored in core/v1's form.
"""

from datetime import datetime

from minikctl.api.kind import Cell, Conversion, Kind
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
_FIELDS = {
    "reason": "reason",
    "type": "type",
    "reportingController": "reportingComponent",
    **{
        f"regarding.{part}": f"involvedObject.{part}"
        for part in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
    },
}
_NEW_NAMES = {old: new for new, old in _CORE_NAMES.items()}


def to_core(obj: Obj) -> Obj:
    """The core/v1 form. Shares its parts."""
    renamed = {_CORE_NAMES.get(field, field): value for field, value in obj.items()}
    return {**renamed, "apiVersion": core.KIND.api_version}


def from_core(obj: Obj) -> Obj:
    """The events.k8s.io/v1 form of a core/v1 Event. Shares its parts."""
    renamed = {_NEW_NAMES.get(field, field): value for field, value in obj.items()}
    return {**renamed, "apiVersion": KIND.api_version}


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
    tracks_fields=False,
    allow_create_on_update=True,
    columns=core.COLUMNS,
    row=row,
    conversion=Conversion(core.KIND, to_core, from_core, _FIELDS),
)
