"""`kubectl config delete-context`."""

from __future__ import annotations

from dataclasses import replace

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.dispatch import Found
from minikctl.kubectl.kubeconfig import access
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    if len(call.args) != 1:
        from minikctl.kubectl.help import show_help

        show_help(Found(call.command, call.path, ""), call.env)
        return
    files = access.of(call)
    before, name = files.start(), call.args[0]
    if name not in before.contexts:
        raise UsageError(f"cannot delete context {name}, not in {files.shown}")
    if before.current_context == name:
        call.err(
            'warning: this removed your active context, use "kubectl config use-context" to select a different one'
        )
    files.modify(before, replace(before, contexts={k: v for k, v in before.contexts.items() if k != name}))
    call.out(f"deleted context {name} from {files.shown}")


COMMAND = Command(
    name="delete-context",
    summary="Delete the specified context from the kubeconfig",
    description="Delete the specified context from the kubeconfig.",
    examples=(("Delete the context for the minikube cluster", "kubectl config delete-context minikube"),),
    use="delete-context NAME [options]",
    complete="kubeconfig:contexts",
    run=run,
)
