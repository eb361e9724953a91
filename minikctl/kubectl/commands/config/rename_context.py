"""`kubectl config rename-context`."""

from __future__ import annotations

from dataclasses import replace

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.kubeconfig import access
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    if len(call.args) != 2:
        raise access.wrong_arguments(call)
    old, new = call.args
    if not new:
        raise UsageError("You must specify a new non-empty context name")
    files = access.of(call)
    before = files.start()
    if old not in before.contexts:
        raise UsageError(f'cannot rename the context "{old}", it\'s not in {files.shown}')
    if new in before.contexts:
        raise UsageError(f'cannot rename the context "{old}", the context "{new}" already exists in {files.shown}')
    contexts = {new if k == old else k: v for k, v in before.contexts.items()}
    current = new if before.current_context == old else before.current_context
    files.modify(before, replace(before, contexts=contexts, current_context=current))
    call.out(f'Context "{old}" renamed to "{new}".')


COMMAND = Command(
    name="rename-context",
    summary="Rename a context from the kubeconfig file",
    description=(
        "Renames a context from the kubeconfig file.\n\n"
        "CONTEXT_NAME is the context name that you want to change.\n\n"
        "NEW_NAME is the new name you want to set.\n\n"
        "Note: If the context being renamed is the 'current-context', this field will also be updated."
    ),
    examples=(
        (
            "Rename the context 'old-name' to 'new-name' in your kubeconfig file",
            "kubectl config rename-context old-name new-name",
        ),
    ),
    use="rename-context CONTEXT_NAME NEW_NAME [options]",
    complete="kubeconfig:contexts",
    run=run,
)
