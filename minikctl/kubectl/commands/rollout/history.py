"""`kubectl rollout history`."""

from __future__ import annotations

from minikctl.kubectl import rollout_history
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.rollout._shared import each, find
from minikctl.kubectl.flags import INT, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import PRINT_OPTIONS, printer
from minikctl.kubectl.resolve import SELECTOR, Target
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    found = find(call)
    if call.flags.revision < 0:
        raise UsageError(f"revision must be a positive integer: {call.flags.revision}")
    each(call, found, lambda target: _show_objects(call, target) if call.flags.output else _show(call, target))


def _show(call: Invocation, target: Target) -> None:
    kind, number = target.kind, call.flags.revision
    rollout_history.check_kind(kind, "history", "history viewer")
    _, found = rollout_history.revisions(call.client, kind, target.namespace, target.name)
    text = rollout_history.details(found, number, kind) if number else rollout_history.overview(found)
    title = f"with revision #{number}" if number else ""
    printer(call, f"{title}\n{text}")(target.obj or {}, kind)


def _show_objects(call: Invocation, target: Target) -> None:
    kind, number = target.kind, call.flags.revision
    rollout_history.check_kind(kind, "history", "history viewer")
    _, found = rollout_history.revisions(call.client, kind, target.namespace, target.name)
    if number and number not in {r.number for r in found}:
        raise UsageError("unable to find the specified revision")
    printed = call.client.kind("replicasets.apps") if kind.kind == "Deployment" else kind
    show = printer(call, typed=True)
    for revision in found:
        if number in (0, revision.number):
            show(revision.obj, printed)


COMMAND = Command(
    name="history",
    summary="View rollout history",
    use="history (TYPE NAME | TYPE/NAME) [flags]",
    description="Show the revisions of a workload, or the pod template of one of them.",
    examples=(
        ("The revisions of a Deployment", "rollout history deployment/web"),
        ("What the third one was", "rollout history daemonset/logger --revision=3"),
    ),
    options=(
        *PRINT_OPTIONS,
        *filename_options("to look at"),
        SELECTOR,
        Option("revision", INT, help="Show this revision in detail."),
    ),
    complete="resources:deployment,daemonset,statefulset",
    run=run,
)
