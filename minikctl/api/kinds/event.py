"""Event: something that happened to an object. Source: Kubernetes `pkg/registry/core/event`, `printEvent`."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import Cell, Column, Kind
from minikctl.api.meta import Obj
from minikctl.api.names import path_segment

COLUMNS = (
    Column("Last Seen", description="When it happened last."),
    Column("Type", description="Normal or Warning."),
    Column("Reason", description="Why, in one word."),
    Column("Object", description="What it happened to."),
    Column("Subobject", priority=1, description="The part of the object that it is about."),
    Column("Source", priority=1, description="Who reports it."),
    Column("Message", description="What happened."),
    Column("First Seen", priority=1, description="When it happened first."),
    Column("Count", "integer", priority=1, description="How often it happened."),
    Column("Name", format="name", priority=1, description="The event's own name."),
)


def selectable_fields(obj: Obj) -> dict[str, str]:
    about = obj.get("involvedObject") or {}
    fields = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
    reporter = obj.get("reportingComponent") or ""
    return {f"involvedObject.{f}": about.get(f) or "" for f in fields} | {
        "reason": obj.get("reason") or "",
        "reportingComponent": reporter,
        "source": (obj.get("source") or {}).get("component") or reporter,
        "type": obj.get("type") or "",
    }


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import event

    return event.validate(obj)


def times_and_count(obj: Obj) -> tuple[str | None, str | None, int]:
    """When it was seen first and last, and how often, in either style of events."""
    first = obj.get("firstTimestamp") or obj.get("eventTime")
    last = obj.get("lastTimestamp") or first
    series = obj.get("series")
    if series is not None:
        return first, series.get("lastObservedTime"), int(series.get("count") or 0)
    return first, last, int(obj.get("count") or 0) or 1


def reporter(obj: Obj) -> str:
    """`kubelet, node-1`."""
    source = obj.get("source") or {}
    component = source.get("component") or obj.get("reportingComponent") or ""
    instance = source.get("host") or obj.get("reportingInstance") or ""
    return f"{component}, {instance}" if instance else component


def target(obj: Obj) -> str:
    """`pod/web`."""
    about = obj.get("involvedObject") or {}
    kind = (about.get("kind") or "").lower()
    return f"{kind}/{about['name']}" if about.get("name") else kind


def row(obj: Obj, now: datetime) -> list[Cell]:
    first, last, count = times_and_count(obj)
    return [
        since(last, now),
        obj.get("type") or "",
        obj.get("reason") or "",
        target(obj),
        (obj.get("involvedObject") or {}).get("fieldPath") or "",
        reporter(obj),
        (obj.get("message") or "").strip(),
        since(first, now),
        count,
        obj["metadata"]["name"],
    ]


KIND = Kind(
    group="",
    version="v1",
    kind="Event",
    plural="events",
    type="core/v1.Event",
    short_names=("ev",),
    tracks_fields=False,
    allow_create_on_update=True,
    validate_name=path_segment,
    validate=validate,
    selectable_fields=selectable_fields,
    columns=COLUMNS,
    row=row,
)
