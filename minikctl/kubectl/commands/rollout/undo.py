"""`kubectl rollout undo`."""

from __future__ import annotations

from minikctl.api.meta import LAST_APPLIED, annotations_of
from minikctl.kubectl import PROGRAM, rollout_history
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.rollout._shared import each, find
from minikctl.kubectl.dry_run import DRY_RUN, strategy
from minikctl.kubectl.flags import INT, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import PRINT_OPTIONS, printer
from minikctl.kubectl.resolve import SELECTOR, Target


def run(call: Invocation) -> None:
    dry_run = strategy(call)
    each(call, find(call), lambda target: undo(call, target, dry_run))


def undo(call: Invocation, target: Target, dry_run: str) -> None:
    """Raises UsageError."""
    kind, obj = target.kind, target.obj or {}
    if LAST_APPLIED in annotations_of(obj):
        call.err(
            f"Warning: resource {kind.plural}/{target.name} was previously managed with '{PROGRAM} apply'. "
            f"Rolling back will not update the {LAST_APPLIED} annotation, which may cause unexpected behavior on "
            f"future '{PROGRAM} apply' operations. Consider using '{PROGRAM} apply' with your previous configuration "
            "file instead."
        )
    rollout_history.check_kind(kind, "rollbacker", "rollbacker")
    result = rollout_history.rollback(
        call.client, kind, target.namespace, target.name, call.flags.to_revision, dry_run=dry_run
    )
    printer(call, result, dry_run=dry_run, typed=True)(obj, kind)


COMMAND = Command(
    name="undo",
    summary="Undo a previous rollout",
    use="undo (TYPE NAME | TYPE/NAME) [flags]",
    description="Go back to the revision before the last, or to a given one.",
    examples=(
        ("To the previous revision", "rollout undo deployment/web"),
        ("To the third one", "rollout undo daemonset/logger --to-revision=3"),
        ("Only try it", "rollout undo --dry-run=server deployment/web"),
    ),
    options=(
        *PRINT_OPTIONS,
        *filename_options("to take back"),
        DRY_RUN,
        SELECTOR,
        Option("to-revision", INT, help="The revision to go back to; 0 for the one before the last."),
    ),
    complete="resources:deployment,daemonset,statefulset",
    run=run,
)
