"""`minikctl cluster reset`: stop the cluster and throw everything in it away."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from minikctl.client.state_dir import KEPT_FOLDERS, OWN_FILES, OWN_FOLDERS, load
from minikctl.cluster import start
from minikctl.cluster.progress import waiting
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, Option
from minikctl.util.errors import EnvironmentProblem, Exit, UsageError


def run(call: Invocation) -> None:
    directory = kubeconfig.local_directory(call)
    if load(directory) is None:
        call.out(f"There is no cluster in {directory}")
        return
    if not call.flags.yes:
        _ask(call, directory)
    with waiting(call.env.stderr, "Deleting it"), start.start_lock(directory):
        start.end_processes(directory)
        remove(directory)
        if call.flags.snapshots:
            for name in KEPT_FOLDERS:
                shutil.rmtree(directory / name, ignore_errors=True)
    shutil.rmtree(directory / "run", ignore_errors=True)
    call.out(f"The cluster in {directory} is gone")
    if (directory / "snapshots").is_dir() and any((directory / "snapshots").glob("[!.]*")):
        call.out("Its snapshots are still there (`minikctl cluster snapshot list`)")


def _ask(call: Invocation, directory: Path) -> None:
    """Nothing is lost by accident: without a terminal to ask on, --yes must say it."""
    if not call.env.stdin_is_terminal:
        raise UsageError("reset deletes every object of the cluster: say --yes to confirm")
    call.err(f"Delete every object, container, volume, image and log of the cluster in {directory}? [y/N] ", end="")
    call.env.stderr.flush()
    if call.env.stdin.readline().strip().lower() not in ("y", "yes"):
        call.err("Nothing was deleted.")
        raise Exit(1)


def remove(directory: Path) -> None:
    """What the cluster wrote, cluster.json last; `run` stays, because its lock is held. Raises EnvironmentProblem."""
    for name in OWN_FOLDERS:
        folder = directory / name
        if folder.is_symlink():
            folder.unlink()
        elif name != "run" and folder.exists():
            shutil.rmtree(folder, ignore_errors=True)
            if folder.exists():
                _make_writable(folder)
                shutil.rmtree(folder, ignore_errors=True)
            if folder.exists():
                raise EnvironmentProblem(f"cannot delete {folder}")
    for name in reversed(OWN_FILES):
        (directory / name).unlink(missing_ok=True)


def _make_writable(folder: Path) -> None:
    """A container, and overlays, leave folders that we may not read or write."""
    with contextlib.suppress(OSError):
        folder.chmod(0o700)
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            path = os.path.join(parent, name)
            with contextlib.suppress(OSError):
                if not os.path.islink(path):
                    os.chmod(path, 0o700)


COMMAND = Command(
    name="reset",
    summary="Stop the cluster and delete everything in it",
    use="reset [--yes] [--snapshots]",
    options=(
        Option("yes", BOOL, short="y", help="Do not ask."),
        Option("snapshots", BOOL, help="Delete its snapshots, too."),
    ),
    examples=(
        ("Begin from nothing, without a question", "minikctl cluster reset --yes"),
        ("Its snapshots, too", "minikctl cluster reset --yes --snapshots"),
    ),
    run=run,
    takes_arguments=False,
)
