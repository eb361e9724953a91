"""`kubectl config delete-cluster`."""

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
    if name not in before.clusters:
        raise UsageError(f"cannot delete cluster {name}, not in {files.shown}")
    files.modify(before, replace(before, clusters={k: v for k, v in before.clusters.items() if k != name}))
    call.out(f"deleted cluster {name} from {files.shown}")


COMMAND = Command(
    name="delete-cluster",
    summary="Delete the specified cluster from the kubeconfig",
    description="Delete the specified cluster from the kubeconfig.",
    examples=(("Delete the minikube cluster", "kubectl config delete-cluster minikube"),),
    use="delete-cluster NAME [options]",
    complete="kubeconfig:clusters",
    run=run,
)
