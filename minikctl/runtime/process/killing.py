"""The end of all containers of a node or a cluster, whether somebody watches over them or not."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from minikctl.runtime import limits
from minikctl.runtime.interface import NOT_READY, READY
from minikctl.runtime.process import proc
from minikctl.runtime.process.container import MARK, of_shim
from minikctl.runtime.process.folder import PodsFolder


def kill_everything(state_dir: str | Path, node: str = "") -> int:
    """End all containers of a state directory, of all nodes or of one, whether an agent runs or not; the number of
    processes.

    Their sandboxes count as lost afterwards: an agent that comes makes new ones. Stop the agents first, else they
    start the containers again.
    """
    folder = PodsFolder(Path(state_dir))
    killed: set[proc.Process] = set()
    shims = []
    uids = [u for u in folder.uids() if not node or any(n == node for _, n, _ in folder.sandboxes(u))]
    for uid in uids:
        alive = [c for c in folder.containers(uid) if c.exit() is None or c.had_exec()]
        shims += [s for c in alive if (s := c.process("shim")) is not None]
    marks = [f"{MARK}={folder.path}/{u}/" for u in uids] if node else [f"{MARK}={folder.path}/"]

    def find(processes: dict[int, proc.Stat]) -> list[proc.Stat]:
        found = {p.pid: p for mark in marks for p in proc.marked(mark, processes, prefix=True)}
        for shim in shims:
            found |= {p.pid: p for p in of_shim(shim, processes)}
        killed.update(p.process for p in found.values())
        return list(found.values())

    proc.kill_all(find)
    limits.clean(Path(state_dir), node)
    for uid in uids if node else [""]:
        folder.remove_memory(uid)
    _note_killed(folder, uids)
    return len(killed)


def _note_killed(folder: PodsFolder, uids: Sequence[str]) -> None:
    for uid in uids:
        for container in folder.containers(uid):
            if container.started() is not None and container.exit() is None:
                with contextlib.suppress(OSError):
                    container.note_exit(128 + signal.SIGKILL)
        for sandbox, node, boot in folder.sandboxes(uid):
            if sandbox.state == READY:
                with contextlib.suppress(OSError):
                    folder.save_sandbox(replace(sandbox, state=NOT_READY), node, boot)
