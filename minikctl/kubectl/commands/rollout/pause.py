"""`kubectl rollout pause`."""

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
    change_each(call, "paused", _pause)


def _pause(target: Target) -> Obj:
    if (target.kind.group, target.kind.kind) != ("apps", "Deployment"):
        raise UsageError("pausing is not supported")
    if ((target.obj or {}).get("spec") or {}).get("paused"):
        raise UsageError("is already paused")
    return {"spec": {"paused": True}}


COMMAND = Command(
    name="pause",
    summary="Mark the provided resource as paused",
    use="pause RESOURCE",
    description=(
        "Mark a Deployment as paused: its controller leaves new templates alone until it is resumed. "
        "What is running goes on."
    ),
    examples=(("Change several things and roll them out as one", "rollout pause deployment/web"),),
    options=(*PRINT_OPTIONS, *filename_options("to pause"), SELECTOR, field_manager("kubectl-rollout")),
    complete="resources:deployment",
    run=run,
)
