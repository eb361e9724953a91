"""`kubectl rollout status`."""

from __future__ import annotations

from minikctl.kubectl import rollout_status
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.rollout._shared import each, find
from minikctl.kubectl.flags import BOOL, DURATION, INT, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.resolve import SELECTOR, Target
from minikctl.kubectl.waiting import Deadline, TimedOut, changes
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    found = find(call)
    if call.flags.revision < 0:
        raise UsageError(f"revision must be a positive integer: {call.flags.revision}")
    if not found.targets and not found.errors:
        call.err(f"No resources found in {call.namespace} namespace.")
        return
    each(call, found, lambda target: follow(call, target))


def follow(call: Invocation, target: Target) -> None:
    """Tell how far the rollout is until it is over. Raises UsageError."""
    rollout_status.viewer(target.kind)
    deadline = Deadline(call, call.flags.timeout)
    try:
        for event in changes(call, target.kind, target.namespace, target.name, deadline):
            if event is None:
                continue
            if event.type == "DELETED":
                raise UsageError("object has been deleted")
            line, done = rollout_status.status(target.kind, event.object, call.flags.revision)
            call.out(line)
            call.env.stdout.flush()
            if done or not call.flags.watch:
                return
    except TimedOut:
        raise UsageError("timed out waiting for the condition") from None


COMMAND = Command(
    name="status",
    summary="Show the status of the rollout",
    use="status (TYPE NAME | TYPE/NAME) [flags]",
    description=(
        "Follow a rollout until it is over (--watch=false: show where it is now). If a new rollout starts meanwhile, "
        "that one is followed; with --revision it is an error."
    ),
    examples=(("Follow a Deployment's rollout", "rollout status deployment/web"),),
    options=(
        *filename_options("to follow"),
        SELECTOR,
        Option("revision", INT, help="Only this revision; 0 for the last one."),
        Option("timeout", DURATION, help="Follow no longer than this; 0: as long as it takes."),
        Option("watch", BOOL, short="w", default=True, help="Go on until the rollout is over."),
    ),
    complete="resource:deployment,daemonset,statefulset",
    run=run,
)
