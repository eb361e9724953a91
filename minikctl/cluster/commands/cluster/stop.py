"""`minikctl cluster stop`."""

from __future__ import annotations

from minikctl.client.state_dir import load
from minikctl.cluster import start
from minikctl.cluster.progress import waiting
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation
from minikctl.util.errors import EnvironmentProblem


def run(call: Invocation) -> None:
    directory = kubeconfig.local_directory(call)
    try:
        there = load(directory) is not None
    except EnvironmentProblem:
        if not start.is_running(directory):  # a broken file does not keep its processes alive
            raise
        there = True
    if not there:
        call.out(f"There is no cluster in {directory}")
        return
    with waiting(call.env.stderr, "Ending its processes"):
        stopped = start.stop(directory)
    call.out(f"The cluster in {directory} {'has stopped' if stopped else 'was not running'}")


COMMAND = Command(
    name="stop",
    summary="End every process of the cluster; its objects stay",
    use="stop",
    examples=(("Stop the cluster; the next command starts it again", "minikctl cluster stop"),),
    run=run,
    takes_arguments=False,
)
