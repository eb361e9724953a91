"""`kubectl config get-users`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.kubeconfig import access


def run(call: Invocation) -> None:
    call.out("NAME")
    for name in sorted(access.of(call).start().users):
        call.out(name)


COMMAND = Command(
    name="get-users",
    summary="Display users defined in the kubeconfig",
    description="Display users defined in the kubeconfig.",
    examples=(("List the users that kubectl knows about", "kubectl config get-users"),),
    use="get-users [flags] [options]",
    run=run,
)
