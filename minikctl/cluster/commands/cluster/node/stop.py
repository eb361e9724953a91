"""`minikctl cluster node stop`."""

from __future__ import annotations

from minikctl.cluster import completing, nodes
from minikctl.cluster.progress import waiting
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation


def run(call: Invocation) -> None:
    if not call.args:
        raise call.usage_error("say which node is to be stopped")
    directory = kubeconfig.local_directory(call)
    for name in call.args:
        nodes.change(directory, lambda cluster, name=name: nodes.with_stopped(cluster, name))  # type: ignore[misc]
        with waiting(call.env.stderr, f"Ending {name}"):
            nodes.wait_gone(directory, name)
        call.out(f"node/{name} stopped")


COMMAND = Command(
    name="stop",
    summary="Switch nodes off, as if their machines lost power: agents and containers end at once",
    use="cluster node stop NODE…",
    description=(
        "Switch nodes off, as if their machines lost power: agents and containers end at once.\n\n"
        "The cluster has to find out by itself: the node turns NotReady when its lease has run out, 40 seconds later, and "
        "is tainted; pods leave it when they no longer tolerate that, by default 5 minutes later. It stays off until "
        "`cluster node start`, also when the cluster is restarted."
    ),
    examples=(
        ("See what happens when a node fails", "minikctl cluster node stop node-2; minikctl get pods -o wide -w"),
    ),
    complete=completing.nodes,
    run=run,
)
