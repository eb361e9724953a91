"""`minikctl cluster stop`."""

from __future__ import annotations

from minikctl.client.state_dir import is_ours
from minikctl.cluster import start
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation


def run(call: Invocation) -> None:
    directory = kubeconfig.local_directory(call)
    if not is_ours(directory):
        call.out(f"There is no cluster in {directory}")
        return
    stopped = start.stop(directory)
    call.out(f"The cluster in {directory} {'has stopped' if stopped else 'was not running'}")


COMMAND = Command(
    name="stop",
    summary="End every process of the cluster; its objects stay",
    use="stop",
    run=run,
    takes_arguments=False,
)
