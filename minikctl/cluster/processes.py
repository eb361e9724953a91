"""The processes of a cluster: their pid files, their end, their memory. What a pid file says: `util.processes`."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from minikctl.util.errors import EnvironmentProblem
from minikctl.util.processes import Process, of, read, start_time

__all__ = ["Process", "end", "of", "read", "rss_bytes", "start_time", "wait_gone", "write"]


def write(path: Path, process: Process) -> None:
    from minikctl.util.files import atomic_write

    try:
        atomic_write(path, f"{process.pid} {process.started} {process.restarts}\n".encode())
    except OSError as e:
        raise EnvironmentProblem(f"cannot write {path}: {e.strerror}") from None


def wait_gone(processes: Iterable[Process], timeout: float) -> list[Process]:
    """Wait until all are gone; those that are not."""
    left = list(processes)
    deadline = time.monotonic() + timeout
    while True:
        left = [p for p in left if p.alive]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.01)


def end(processes: Iterable[Process], timeout: float, *, idle: Callable[[], None] = lambda: None) -> None:
    """Ask them to end, and kill those that have not after `timeout` seconds. `idle` reaps children meanwhile."""
    left = [p for p in processes if p.send(signal.SIGTERM)]
    deadline = time.monotonic() + timeout
    while left and time.monotonic() < deadline:
        idle()
        left = [p for p in left if p.alive]
        time.sleep(0.005)
    for process in left:
        process.send(signal.SIGKILL)
    while any(p.alive for p in left):
        idle()
        time.sleep(0.005)


def rss_bytes(pid: int) -> int:
    """Resident memory of a process; 0 when it cannot be told."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
