"""What the kernel says of processes (Linux /proc): who lives, who descends from whom, who carries a mark.

A process is named by its pid and its start time together, because pids are used again.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

CLOCK_TICK = os.sysconf("SC_CLK_TCK")
PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Process:
    """pid and start time, in clock ticks since the machine started."""

    pid: int
    started: int


@dataclass(frozen=True, slots=True)
class Stat:
    """One line of /proc/<pid>/stat. CPU in ticks, its own and that of children that have ended; memory in pages."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    cpu: int
    started: int
    resident: int

    @property
    def process(self) -> Process:
        return Process(self.pid, self.started)

    @property
    def is_zombie(self) -> bool:
        return self.state in "ZX"


def parse_stat(line: str) -> Stat:
    """Raises ValueError when the line is not whole. The program's name, in parentheses, may hold anything."""
    opened, closed = line.find("("), line.rfind(")")
    fields = line[closed + 2 :].split()
    if opened < 0 or closed < 0 or len(fields) < 22:
        raise ValueError("no stat line")
    return Stat(
        pid=int(line[:opened]),
        state=fields[0],
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        cpu=sum(int(f) for f in fields[11:15]),
        started=int(fields[19]),
        resident=int(fields[21]),
    )


def stat(pid: int) -> Stat | None:
    """None when there is no such process."""
    try:
        return parse_stat(_read(f"/proc/{pid}/stat").decode("utf-8", "replace"))
    except (OSError, ValueError):
        return None


def _read(path: str) -> bytes:
    """All of a file of the kernel's; quicker than a file object."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def command_line(pid: int) -> bytes:
    """The words of its command, each with a zero behind it; empty for zombies and those that are gone."""
    try:
        return _read(f"/proc/{pid}/cmdline")
    except OSError:
        return b""


def is_alive(process: Process) -> bool:
    """Whether this very process still runs (a zombie does not)."""
    found = stat(process.pid)
    return found is not None and found.started == process.started and not found.is_zombie


def everything() -> dict[int, Stat]:
    """All processes that we may see, by pid; one pass."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (one := stat(int(name))) is not None:
            found[one.pid] = one
    return found


def descendants(of: Iterable[int], processes: dict[int, Stat]) -> list[Stat]:
    """The children of these processes, and theirs, without the processes themselves; zombies left out."""
    children: dict[int, list[Stat]] = {}
    for one in processes.values():
        children.setdefault(one.parent, []).append(one)
    found: list[Stat] = []
    waiting = list(of)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            waiting.append(child.pid)
            if not child.is_zombie:
                found.append(child)
    return found


def in_sessions(sessions: set[int], processes: dict[int, Stat]) -> list[Stat]:
    """The living members of these sessions."""
    return [p for p in processes.values() if p.session in sessions and not p.is_zombie]


def marked(mark: str, processes: dict[int, Stat], *, prefix: bool = False) -> list[Stat]:
    """The living processes that have `NAME=value` in their environment; with `prefix`, a value that begins so."""
    if not mark.partition("=")[2]:
        raise ValueError("a mark without a value would fit everybody")
    wanted = b"\0" + os.fsencode(mark) + (b"" if prefix else b"\0")
    found = []
    for one in processes.values():
        if one.is_zombie or one.pid == os.getpid():
            continue
        try:
            if wanted in b"\0" + _read(f"/proc/{one.pid}/environ") + b"\0":
                found.append(one)
        except OSError:
            continue  # gone, or somebody else's
    return found


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal."""
    try:
        status = _read(f"/proc/{pid}/status")
    except OSError:
        return False
    start = status.find(b"\nSigCgt:")
    mask = int(status[start + 8 : status.find(b"\n", start + 1)].strip() or b"0", 16) if start >= 0 else 0
    return bool(mask & 1 << (number - 1))


def age(process: Process) -> float:
    """Seconds since it was started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - process.started / CLOCK_TICK


def send(process: Process, number: int) -> bool:
    """Signal this very process; False when it is gone or not ours."""
    try:
        fd = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        found = stat(process.pid)
        if found is None or found.started != process.started:
            return False
        signal.pidfd_send_signal(fd, number)
        return True
    except OSError:
        return False
    finally:
        os.close(fd)


def kill_all(find: Callable[[dict[int, Stat]], list[Stat]], rounds: int = 50) -> bool:
    """SIGKILL whatever `find` names, again and again until it names nothing; False when something stays alive."""
    for i in range(rounds):
        left = find(everything())
        if not left:
            return True
        for one in left:
            send(one.process, signal.SIGKILL)
        time.sleep(0.002 * (i + 1))
    return False


def load_subreaper() -> Callable[[], None]:
    """A function that makes the calling process the parent of all orphans below it; survives exec.

    To be called between fork and exec, so everything it needs is loaded now.
    """
    try:
        import ctypes

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return lambda: None
    one, zero = ctypes.c_ulong(1), ctypes.c_ulong(0)

    def become() -> None:
        prctl(PR_SET_CHILD_SUBREAPER, one, zero, zero, zero)

    return become
