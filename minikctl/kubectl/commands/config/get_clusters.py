"""`kubectl config get-clusters`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.kubeconfig import access


def run(call: Invocation) -> None:
    call.out("NAME")
    for name in sorted(access.of(call).start().clusters):
        call.out(name)


COMMAND = Command(
    name="get-clusters",
    summary="Display clusters defined in the kubeconfig",
    description="Display clusters defined in the kubeconfig.",
    examples=(("List the clusters that kubectl knows about", "kubectl config get-clusters"),),
    use="get-clusters [flags] [options]",
    run=run,
)
