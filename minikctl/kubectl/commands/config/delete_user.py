"""`kubectl config delete-user`."""

from __future__ import annotations

from dataclasses import replace

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.kubeconfig import access
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    files = access.of(call)
    before = files.start()
    if len(call.args) != 1:
        raise call.usage_error("user to delete is required")
    name = call.args[0]
    if name not in before.users:
        raise UsageError(f"cannot delete user {name}, not in {files.shown}")
    files.modify(before, replace(before, users={k: v for k, v in before.users.items() if k != name}))
    call.out(f"deleted user {name} from {files.shown}")


COMMAND = Command(
    name="delete-user",
    summary="Delete the specified user from the kubeconfig",
    description="Delete the specified user from the kubeconfig.",
    examples=(("Delete the minikube user", "kubectl config delete-user minikube"),),
    use="delete-user NAME [options]",
    complete="kubeconfig:users",
    run=run,
)
