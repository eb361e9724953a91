"""`kubectl config use-context`."""

from __future__ import annotations

from dataclasses import replace

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.kubeconfig import access
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    if len(call.args) != 1:
        raise access.wrong_arguments(call)
    name = call.args[0]
    files = access.of(call)
    before = files.start()
    if not name:
        raise UsageError("empty context names are not allowed")
    if name not in before.contexts:
        raise UsageError(f'no context exists with the name: "{name}"')
    files.modify(before, replace(before, current_context=name))
    call.out(f'Switched to context "{name}".')


COMMAND = Command(
    name="use-context",
    summary="Set the current-context in a kubeconfig file",
    description="Set the current-context in a kubeconfig file.",
    aliases=("use",),
    examples=(("Use the context for the minikube cluster", "kubectl config use-context minikube"),),
    use="use-context CONTEXT_NAME [options]",
    complete="kubeconfig:contexts",
    run=run,
)
