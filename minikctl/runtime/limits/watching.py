"""Limits of memory without control groups: containers that have one are looked at from time to time.

Who uses more than its limit at such a moment is killed with all its processes, as the kernel would do. Containers far
below their limit are looked at every few seconds, those close to it every tenth. All looks together may cost a
hundredth of one core: between two of them there is a pause of at least a hundred times what the last one took.
"""

from __future__ import annotations

import heapq
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from minikctl.runtime.interface import Resources
from minikctl.runtime.limits import ShimOf
from minikctl.runtime.process import proc

SHARE = 0.01
"""Of one core, for all looks together."""
CLOSE, NEAR = 0.8, 0.5
FREQUENT, SOMETIMES, RARELY = 0.1, 0.5, 3.0
FRESH_SECONDS = 5.0
"""So long after its start (or a change) a container is looked at often, whatever it uses."""

Key = tuple[str, str]


def pause(used: int, limit: int, age: float) -> float:
    """Seconds until a container is looked at again. Pure."""
    share = used / limit
    if share >= CLOSE:
        return FREQUENT
    return SOMETIMES if share >= NEAR or age < FRESH_SECONDS else RARELY


@dataclass
class _Watched:
    limit: int
    shim: ShimOf
    since: float
    serial: int = 0
    killed: bool = False


class WatchedLimits:
    """See `Limiter`. The thread starts with the first container that has a limit."""

    def __init__(self, share: float = SHARE, measure: Callable[[int], int] | None = None) -> None:
        self._share, self._measure = share, measure or memory_below
        self._watched: dict[Key, _Watched] = {}
        self._due: list[tuple[float, int, Key]] = []
        self._serial = count(1)
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self.spent = 0.0
        """CPU seconds of all looks."""

    def limitations(self) -> Sequence[str]:
        return (
            "memory limits are enforced by looking at processes every few seconds, limits of CPU and of processes not at "
            "all: there are no control groups that this user may use",
        )

    def start(self, pods: Sequence[str]) -> None:
        return None

    def stop(self) -> None:
        with self._condition:
            self._stopped = True
            self._condition.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def add_pod(self, pod: str, resources: Resources) -> None:
        return None

    def remove_pod(self, pod: str) -> None:
        for key in [k for k in list(self._watched) if k[0] == pod]:
            self.remove(*key)

    def add(self, pod: str, container: str, resources: Resources, shim: ShimOf) -> Sequence[Path]:
        if resources.memory_limit:
            with self._condition:
                self._watched[pod, container] = _Watched(resources.memory_limit, shim, time.monotonic())
                self._schedule((pod, container), 0.0)
        else:
            self._watched[pod, container] = _Watched(0, shim, time.monotonic())
        return ()

    def update(self, pod: str, container: str, resources: Resources) -> None:
        with self._condition:
            known = self._watched.get((pod, container))
            if known is not None:
                known.limit, known.since = resources.memory_limit, time.monotonic()
                self._schedule((pod, container), 0.0)

    def seen(self, pod: str, container: str) -> Sequence[tuple[str, str]]:
        return ()

    def ran_out_of_memory(self, pod: str, container: str) -> bool:
        known = self._watched.get((pod, container))
        return known is not None and known.killed

    def remove(self, pod: str, container: str) -> bool:
        with self._condition:
            self._watched.pop((pod, container), None)
        return True

    # ------------------------------------------------------------------ the timetable

    def _schedule(self, key: Key, seconds: float) -> None:
        """With the condition held."""
        known = self._watched.get(key)
        if known is None or not known.limit or self._stopped:
            return
        known.serial = next(self._serial)
        heapq.heappush(self._due, (time.monotonic() + seconds, known.serial, key))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="limits", daemon=True)
            self._thread.start()
        self._condition.notify()

    def _run(self) -> None:
        while (key := self._next()) is not None:
            began = time.thread_time()
            again = self._look(key)
            spent = time.thread_time() - began
            self.spent += spent
            with self._condition:
                if again is not None:
                    self._schedule(key, again)
                self._condition.wait_for(lambda: self._stopped, spent / self._share)

    def _next(self) -> Key | None:
        """Wait for the next container that is to be looked at; None when stopped."""
        with self._condition:
            while not self._stopped:
                now = time.monotonic()
                if self._due and self._due[0][0] <= now:
                    _, serial, key = heapq.heappop(self._due)
                    known = self._watched.get(key)
                    if known is not None and known.serial == serial:
                        return key
                    continue
                self._condition.wait(self._due[0][0] - now if self._due else None)
        return None

    def _look(self, key: Key) -> float | None:
        """Measure one container, and end it if it is too much; seconds until the next look."""
        known = self._watched.get(key)
        shim = known.shim() if known is not None else None
        if known is None:
            return None
        if shim is None:
            return FREQUENT
        used = self._measure(shim)
        if used > known.limit:
            known.killed = True
            for pid in below(shim):
                _kill(pid)
            return FREQUENT
        return pause(used, known.limit, time.monotonic() - known.since)


# ---------------------------------------------------------------------- the kernel's word


def below(pid: int) -> list[int]:
    """The processes that descend from one, without it."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        try:
            with open(f"/proc/{one}/task/{one}/children", "rb", buffering=0) as f:  # noqa: PTH123 - often called
                children = [int(word) for word in f.read(65536).split()]
        except OSError:
            continue
        found += children
        waiting += children
    return found


def memory_below(pid: int) -> int:
    """Bytes of memory of a process's descendants that are theirs alone: resident, without files that others share."""
    total = 0
    for one in below(pid):
        try:
            with open(f"/proc/{one}/statm", "rb", buffering=0) as f:  # noqa: PTH123 - often called
                fields = f.read(256).split()
        except OSError:
            continue
        if len(fields) > 2:
            total += int(fields[1]) - int(fields[2])
    return total * proc.PAGE_SIZE


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
