"""`get --watch`: what is there, and then every change, until somebody stops it.

Source: kubectl `pkg/cmd/get/get.go` (watch).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.client import Event
from minikctl.kubectl import resolve
from minikctl.kubectl.commands import get
from minikctl.kubectl.global_options import request_timeout
from minikctl.kubectl.printers.json_out import compact
from minikctl.kubectl.printers.table import TableWriter
from minikctl.kubectl.resolve import Query
from minikctl.util.errors import UsageError

if TYPE_CHECKING:
    from minikctl.kubectl.command import Invocation

Show = Callable[[Obj, str], None]
"""Print one object, or one table, and the type of its event (`""`: not asked for)."""


def watch(call: Invocation, plan: get.GetPlan) -> None:
    """Raises UsageError when several kinds are meant, ApiError when the server refuses."""
    queries = plan.queries
    if plan.errors:
        raise plan.errors[0]
    if len({q.kind.resource for q in queries}) > 1:
        raise UsageError("you may only specify a single resource type")
    try:
        answers = [(q, _now(call, q)) for q in queries]
    except ApiError as e:
        if e.reason == "NotFound" and call.flags.ignore_not_found:
            return
        raise
    show = _printer(call, queries[0])
    if not call.flags.watch_only:
        for query, answer in answers:
            _show_first(call, query, answer, show)
    if len(answers) != 1:
        raise UsageError("you may only watch a single resource or type of resource at a time")
    query, answer = answers[0]
    # a single object's watch begins with the object itself, which has been shown
    skip = 1 if query.name else 0
    for event in _events(call, query, answer):
        if skip:
            skip = 0
            continue
        if event.type == "ERROR":
            raise ApiError.from_status(event.object)
        show(event.object, event.type)
        call.env.stdout.flush()


def _now(call: Invocation, query: Query) -> Obj:
    """A table, an object, or a list of them."""
    if get.is_table(call):
        table = get.table_of(call, query)
        return get.sorted_tables(call, [(query, table)])[0][1] if call.flags.sort_by else table
    if query.name:
        return get.objects_of(call, query)[0]
    try:
        return call.client.list(
            query.kind, query.namespace, label_selector=query.label_selector, field_selector=query.field_selector
        )
    except ApiError as e:
        raise resolve.listing_error(query, e) from None


def _printer(call: Invocation, query: Query) -> Show:
    with_events = call.flags.output_watch_events
    if get.is_table(call):
        writer = TableWriter(get.table_options(call, query), query.kind)
        return lambda table, event: call.out(writer.text([(table, event if with_events else "")]), end="")
    show = get.object_printer(call)
    output = call.flags.output.lower()
    if not with_events or output == "name":
        return lambda obj, _event: show(obj, query.kind)
    if output == "json":
        return lambda obj, event: call.out(f'{{"type":"{event}","object":{compact(obj)}}}')
    return lambda obj, event: show({"type": event, "object": obj}, query.kind)


def _show_first(call: Invocation, query: Query, answer: Obj, show: Show) -> None:
    listed = not query.name and not get.is_table(call)
    for item in answer["items"] if listed else [answer]:
        show(item, "ADDED")
    call.env.stdout.flush()


def _events(call: Invocation, query: Query, answer: Obj) -> Iterator[Event]:
    field_selector = query.field_selector
    if query.name:
        field_selector = f"metadata.name={query.name}"
    version = "" if query.name else (answer.get("metadata") or {}).get("resourceVersion", "")
    return call.client.watch(
        query.kind,
        query.namespace,
        resource_version=version,
        label_selector=query.label_selector,
        field_selector=field_selector,
        timeout=request_timeout(call),
        include="Metadata" if get.is_table(call) else "",
    )
