"""Processes by pid file: who runs, without being fooled by a pid that belongs to somebody else by now.

A pid file holds `pid start-time restarts`. The start time is the system's own, so a stale file (kill -9, a reboot) names
nobody. A zombie counts as gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from minikctl.util.errors import EnvironmentProblem


@dataclass(frozen=True, slots=True)
class Process:
    """A process, known by its pid and the moment of its start."""

    pid: int
    started: str
    restarts: int = 0

    @property
    def alive(self) -> bool:
        return bool(self.started) and start_time(self.pid) == self.started

    def send(self, number: int) -> bool:
        """Signal it, if it is still itself; False when it is gone."""
        if not self.alive:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
            return True
        return False


def start_time(pid: int) -> str:
    """When a process started, in the system's own words; empty when there is none, or only its remains."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:  # noqa: PTH123 - every command passes here
            fields = f.read().rpartition(b")")[2].split()
        return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
    except FileNotFoundError:
        return "" if os.path.isdir("/proc/1") else _ask_ps(pid)
    except (OSError, IndexError):
        return ""


def _ask_ps(pid: int) -> str:
    """Systems without /proc."""
    import subprocess

    done = subprocess.run(["ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, started = done.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else "_".join(started.split())


def of(pid: int, restarts: int = 0) -> Process:
    return Process(pid, start_time(pid), restarts)


def read(path: Path | str) -> Process | None:
    """The process of a pid file, alive or not; None when there is no such file."""
    try:
        with open(path, "rb") as f:  # noqa: PTH123 - every command passes here
            words = f.read().decode().split()
        return Process(int(words[0]), words[1], int(words[2]))
    except (OSError, ValueError, IndexError):
        return None


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
