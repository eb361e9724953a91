"""Processes by pid file: who runs, without being fooled by a pid that belongs to somebody else by now.

A pid file holds `pid start-time restarts`. The start time is the system's own, so a stale file (kill -9, a reboot) names
nobody. A zombie counts as gone.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path


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
