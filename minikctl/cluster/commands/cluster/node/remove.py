"""`minikctl cluster node remove`."""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.cluster import completing, nodes
from minikctl.cluster.progress import waiting
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation


def run(call: Invocation) -> None:
    if not call.args:
        raise call.usage_error("say which node is to be removed")
    directory = kubeconfig.local_directory(call)
    for name in call.args:
        nodes.change(directory, lambda cluster, name=name: nodes.with_removed(cluster, name))  # type: ignore[misc]
        with waiting(call.env.stderr, f"Ending {name}"):
            nodes.wait_gone(directory, name)
        try:
            call.client.delete("nodes", name)
        except ApiError as e:
            if e.reason != "NotFound":
                raise
        call.out(f"node/{name} removed")


COMMAND = Command(
    name="remove",
    summary="Remove nodes: their agents and containers end, their Node objects are deleted",
    use="cluster node remove NODE…",
    examples=(("Remove a node, politely", "minikctl drain node-3 && minikctl cluster node remove node-3"),),
    complete=completing.nodes,
    run=run,
)
