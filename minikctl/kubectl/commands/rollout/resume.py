"""`kubectl rollout resume`."""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.rollout._shared import change_each
from minikctl.kubectl.common_options import field_manager
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import PRINT_OPTIONS
from minikctl.kubectl.resolve import SELECTOR, Target
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    change_each(call, "resumed", _resume)


def _resume(target: Target) -> Obj:
    if (target.kind.group, target.kind.kind) != ("apps", "Deployment"):
        raise UsageError("resuming is not supported")
    if not ((target.obj or {}).get("spec") or {}).get("paused"):
        raise UsageError("is not paused")
    return {"spec": {"paused": None}}


COMMAND = Command(
    name="resume",
    summary="Resume a paused resource",
    use="resume RESOURCE",
    description="Resume a paused Deployment: its controller rolls out what has changed meanwhile.",
    examples=(("Roll out what was changed", "rollout resume deployment/web"),),
    options=(*PRINT_OPTIONS, *filename_options("to resume"), SELECTOR, field_manager("kubectl-rollout")),
    complete="resources:deployment",
    run=run,
)
