"""`minikctl cluster snapshot restore`."""

from __future__ import annotations

from pathlib import Path

from minikctl.client.state_dir import load
from minikctl.cluster import completing, snapshots
from minikctl.cluster.progress import waiting
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, Option
from minikctl.util.errors import Exit, UsageError


def run(call: Invocation) -> None:
    if len(call.args) != 1:
        raise call.usage_error("exactly one snapshot must be named")
    directory = kubeconfig.local_directory(call)
    file = snapshots.find(directory, call.args[0], call.env.cwd)
    if load(directory) is not None and not call.flags.yes:
        _ask(call, directory)
    with waiting(call.env.stderr, "Restoring it"):
        ran = snapshots.restore(directory, file, without_pods=call.flags.get("without-pods"))
    about = snapshots.read(file)
    again = ", and runs again" if ran else ""
    call.out(f"The cluster in {directory} is as it was at {about.time}{again}")


def _ask(call: Invocation, directory: Path) -> None:
    """Nothing is lost by accident: without a terminal to ask on, --yes must say it."""
    if not call.env.stdin_is_terminal:
        raise UsageError("restore replaces every object of the cluster: say --yes to confirm")
    call.err(f"Replace every object of the cluster in {directory}? [y/N] ", end="")
    call.env.stderr.flush()
    if call.env.stdin.readline().strip().lower() not in ("y", "yes"):
        call.err("Nothing was changed.")
        raise Exit(1)


COMMAND = Command(
    name="restore",
    summary="Make the cluster what it was when a snapshot was saved",
    use="cluster snapshot restore (NAME | FILE) [--yes] [--without-pods]",
    description=(
        "Make the cluster what it was when a snapshot was saved.\n\n"
        "A cluster that runs is stopped for it and started again; its containers begin anew. In a directory without a "
        "cluster, one is made. resourceVersions go on above those given out."
    ),
    options=(
        Option("yes", BOOL, short="y", help="Do not ask."),
        Option("without-pods", BOOL, help="Delete pods that a controller owns; it makes others."),
    ),
    examples=(
        ("Go back", "minikctl cluster snapshot restore before-exercise --yes"),
        ("Make a second cluster of it", "minikctl --state-dir /tmp/other cluster snapshot restore ./saved.tar.gz"),
    ),
    complete=completing.snapshot_or_file,
    run=run,
)
