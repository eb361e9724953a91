"""`minikctl cluster node start`."""

from __future__ import annotations

from minikctl.cluster import completing, nodes
from minikctl.cluster.progress import waiting
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation


def run(call: Invocation) -> None:
    if not call.args:
        raise call.usage_error("say which node is to be started")
    directory = kubeconfig.local_directory(call)
    for name in call.args:
        nodes.change(directory, lambda cluster, name=name: nodes.with_started(cluster, name))  # type: ignore[misc]
        with waiting(call.env.stderr, f"Waiting for {name}"):
            nodes.wait_ready(directory, name)
        call.out(f"node/{name} started")


COMMAND = Command(
    name="start",
    summary="Switch nodes on again",
    use="cluster node start NODE…",
    examples=(("Bring a node back", "minikctl cluster node start node-2"),),
    complete=completing.nodes,
    run=run,
)
