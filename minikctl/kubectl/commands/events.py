"""`kubectl events`: what happened, in order, of a namespace or of one object.

Source: kubectl `pkg/cmd/events`.
"""

from __future__ import annotations

from datetime import datetime

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.kubectl import PROGRAM
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.common_options import CHUNK_SIZE
from minikctl.kubectl.describe.events import interval
from minikctl.kubectl.flags import BOOL, LIST, Option
from minikctl.kubectl.global_options import request_timeout
from minikctl.kubectl.printers import FORMATS, PRINT_OPTIONS, Printer, Typed, printer
from minikctl.kubectl.printers.columns import render
from minikctl.kubectl.printers.custom_columns import escape_terminal
from minikctl.kubectl.resolve import ALL_NAMESPACES
from minikctl.util.errors import UsageError

HEADER = ("LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE")
TYPE = "core/v1.Event"


def run(call: Invocation) -> None:
    """Raises UsageError, ApiError."""
    flags = call.flags
    selector = about(call)
    if any(t.lower() not in ("normal", "warning") for t in flags.types):
        raise UsageError("valid --types are Normal or Warning")
    show = printer(call) if flags.output or flags.template else None
    namespace = "" if flags.all_namespaces else call.namespace
    if flags.watch:
        _watch(call, namespace, selector, show)
        return
    listing = call.client.list("events", namespace, field_selector=selector)
    found = sorted((e for e in listing["items"] if is_wanted(call, e)), key=moment)
    if not found:
        where = "." if flags.all_namespaces else f" in {call.namespace} namespace."
        call.err(f"No events found{where}")
    elif show is None:
        call.out(table(call, found, headers=not flags.no_headers), end="")
    else:
        items = [_typed(e) for e in found]
        show(Typed({"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": items}), None)


def about(call: Invocation) -> str:
    """The field selector of --for. Raises UsageError."""
    given = call.flags.get("for")
    if not given:
        return ""
    word, slash, name = given.partition("/")
    if not slash:
        raise UsageError("--for must be in resource/name form")
    if "/" in name:
        raise UsageError("arguments in resource/name form may not have more than one slash")
    kind = call.client.kind(word.lower())
    if kind is None:
        raise UsageError(f"no matches for /, Resource={word.lower()}")
    terms = {"kind": kind.kind, "apiVersion": kind.api_version, "name": name}
    return ",".join(f"involvedObject.{k}={v}" for k, v in terms.items())


def is_wanted(call: Invocation, event: Obj) -> bool:
    types = [t.lower() for t in call.flags.types]
    return not types or str(event.get("type") or "").lower() in types


def moment(event: Obj) -> str:
    """What events are sorted by."""
    series = event.get("series")
    if series is not None:
        return str(series.get("lastObservedTime") or "")
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")


def table(call: Invocation, events: list[Obj], *, headers: bool, widths: list[int] | None = None) -> str:
    """The lines of a table, its header included. `widths` are those of the lines above."""
    now, spaced = call.env.clock.now(), call.flags.all_namespaces
    rows = [_row(e, now, spaced) for e in events]
    return render([[*(["NAMESPACE"] if spaced else []), *HEADER], *rows] if headers else rows, widths)


def _row(event: Obj, now: datetime, with_namespace: bool) -> list[str]:
    involved = event.get("involvedObject") or {}
    cells = [
        interval(event, now),
        *(escape_terminal(str(event.get(f) or "")) for f in ("type", "reason")),
        escape_terminal(f"{involved.get('kind') or ''}/{involved.get('name') or ''}"),
        escape_terminal(str(event.get("message") or "").strip()),
    ]
    return [event["metadata"].get("namespace", ""), *cells] if with_namespace else cells


def _typed(event: Obj) -> Obj:
    from minikctl.api import schema

    head = {"kind": "Event", "apiVersion": "v1"}
    return Typed({**head, **{k: v for k, v in schema.decode(TYPE, event).value.items() if k not in head}})


def _watch(call: Invocation, namespace: str, selector: str, show: Printer | None) -> None:
    headers, widths = not call.flags.no_headers, list[int]()
    for change in call.client.watch("events", namespace, field_selector=selector, timeout=request_timeout(call)):
        if change.type == "ERROR":
            raise ApiError.from_status(change.object)
        if change.type not in ("ADDED", "MODIFIED") or not is_wanted(call, change.object):
            continue
        if show is not None:
            show(_typed(change.object), None)
        else:
            call.out(table(call, [change.object], headers=headers, widths=widths), end="")
            headers = False
        call.env.stdout.flush()


COMMAND = Command(
    name="events",
    summary="List events",
    group="Troubleshooting and Debugging Commands",
    use=f"events [(-o|--output=){'|'.join(FORMATS)}] [--for TYPE/NAME] [--watch] [--types=Normal,Warning]",
    description=(
        "Show events.\n\n"
        "A table of the most important things about events: of a namespace, of all namespaces, or only of those about "
        "one object."
    ),
    examples=(
        ("What happened lately in the current namespace", f"{PROGRAM} events"),
        ("In all namespaces", f"{PROGRAM} events --all-namespaces"),
        ("About one pod, and what comes after it", f"{PROGRAM} events --for pod/web-pod-13je7 --watch"),
        ("As YAML", f"{PROGRAM} events -oyaml"),
        ("Warnings only", f"{PROGRAM} events --types=Warning"),
    ),
    options=(
        ALL_NAMESPACES,
        CHUNK_SIZE,
        Option("for", help="Only events about this object (TYPE/NAME).", complete="reference"),
        Option("no-headers", BOOL, help="Leave out the header of the table."),
        *PRINT_OPTIONS,
        Option("types", LIST, help="Only events of these types.", complete=("Normal", "Warning")),
        Option("watch", BOOL, short="w", help="After the events that there are, show those that come."),
    ),
    run=run,
)
