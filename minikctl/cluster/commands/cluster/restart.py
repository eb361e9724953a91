"""`minikctl cluster restart`."""

from __future__ import annotations

from minikctl.client.state_dir import is_ours
from minikctl.cluster import start
from minikctl.cluster.commands.cluster.start import SETTINGS, described, settings, wait
from minikctl.cluster.progress import waiting
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation


def run(call: Invocation) -> None:
    directory = kubeconfig.local_directory(call)
    given = settings(call)
    if is_ours(directory):
        with waiting(call.env.stderr, "Ending its processes"):
            start.stop(directory)
    start.start(directory, **given)
    call.out(f"The cluster in {directory} is ready: {described(directory, wait(call, directory))}")


COMMAND = Command(
    name="restart",
    summary="Stop and start the cluster, with other settings if any are given",
    use="restart [--nodes N] [--simulated] [--control-planes N] [--fsync]",
    options=SETTINGS,
    examples=(
        ("Start every process anew", "minikctl cluster restart"),
        ("Go on with three nodes", "minikctl cluster restart --nodes 3"),
    ),
    run=run,
    takes_arguments=False,
)
