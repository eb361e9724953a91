"""`kubectl config current-context`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.kubeconfig import access
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    current = access.of(call).start().current_context
    if not current:
        raise UsageError("current-context is not set")
    call.out(current)


COMMAND = Command(
    name="current-context",
    summary="Display the current-context",
    description="Display the current-context.",
    examples=(("Display the current-context", "kubectl config current-context"),),
    use="current-context [flags] [options]",
    run=run,
)
