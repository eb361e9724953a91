"""`minikctl cluster snapshot delete`."""

from __future__ import annotations

from minikctl.cluster import completing, snapshots
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    if not call.args:
        raise call.usage_error("no snapshot is named")
    directory = kubeconfig.local_directory(call)
    for name in call.args:
        if "/" in name:
            raise UsageError(f"{name!r} is no name of a snapshot")
        snapshots.find(directory, name, directory / snapshots.FOLDER / "none").unlink()
        call.out(f"snapshot/{name} deleted")


COMMAND = Command(
    name="delete",
    summary="Delete snapshots",
    use="cluster snapshot delete NAME...",
    examples=(("Delete two of them", "minikctl cluster snapshot delete before-exercise 20260801-101500"),),
    complete=completing.snapshots,
    run=run,
)
