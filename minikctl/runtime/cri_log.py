"""Container logs on disk, in the format of Kubernetes' container runtime interface.

One line a line: `2026-01-02T15:04:05.000000000Z stdout F text`; `P` instead of `F` marks a piece whose end follows (a
line longer than 16 KiB, or output whose newline does not come at once). A file that grows beyond its limit
is renamed to `<name>.<time>`, and the oldest of these are removed.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

MAX_LINE = 16 * 1024
MAX_SIZE, MAX_FILES = 10 * 1024 * 1024, 5
"""The kubelet's defaults: containerLogMaxSize, containerLogMaxFiles."""
STREAMS = {1: b"stdout", 2: b"stderr"}


def stamp(nanoseconds: int) -> bytes:
    """RFC 3339 with nine digits, so that times sort as text."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode() + b".%09dZ" % rest


class LogWriter:
    """One container's log. Written by one thread; `wait` may be called by many."""

    def __init__(self, path: Path, *, max_size: int = MAX_SIZE, max_files: int = MAX_FILES):
        self.path = path
        self._max_size, self._max_files = max_size, max_files
        self._rest: dict[int, bytes] = {}
        self._changed = threading.Condition()
        self._generation = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._open()

    def _open(self) -> None:
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._fd).st_size

    def write(self, channel: int, data: bytes) -> None:
        """Output of the container; what has no newline yet is kept until it has, until `flush` or until `close`."""
        data = self._rest.pop(channel, b"") + data
        whole, newline, rest = data.rpartition(b"\n")
        lines = whole.split(b"\n") if newline else []
        full, piece = self._prefixes(channel)
        out: list[bytes] = []
        for line in lines:
            while len(line) > MAX_LINE:
                out.append(piece + line[:MAX_LINE] + b"\n")
                line = line[MAX_LINE:]
            out.append(full + line + b"\n")
        while len(rest) > MAX_LINE:
            out.append(piece + rest[:MAX_LINE] + b"\n")
            rest = rest[MAX_LINE:]
        if rest:
            self._rest[channel] = rest
        self._put_lines(out)

    @property
    def has_rest(self) -> bool:
        """Whether something waits for its newline."""
        return bool(self._rest)

    def limit(self, max_size: int, max_files: int) -> None:
        """How large a file may become (bytes), and how many there may be."""
        self._max_size, self._max_files = max_size, max(max_files, 2)

    def flush(self) -> None:
        """Show what has no newline yet, as a piece whose end follows: a question that waits for its answer, say."""
        for channel, rest in sorted(self._rest.items()):
            self._put(self._prefixes(channel)[1] + rest + b"\n")
        self._rest.clear()

    def close(self) -> None:
        """No more will come."""
        self.flush()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self.touch()

    def touch(self) -> None:
        """Wake those who wait: something about the container changed."""
        with self._changed:
            self._generation += 1
            self._changed.notify_all()

    def wait(self, seen: int, timeout: float) -> int:
        """Until the generation is not `seen` any more; the present one."""
        with self._changed:
            self._changed.wait_for(lambda: self._generation != seen, timeout)
            return self._generation

    @staticmethod
    def _prefixes(channel: int) -> tuple[bytes, bytes]:
        start = stamp(time.time_ns()) + b" " + STREAMS[channel]
        return start + b" F ", start + b" P "

    def _put_lines(self, lines: list[bytes]) -> None:
        """As much at once as fits into a file, however much came at once."""
        part: list[bytes] = []
        length = 0
        for line in lines:
            if part and length + len(line) > self._max_size:
                self._put(b"".join(part))
                part, length = [], 0
            part.append(line)
            length += len(line)
        if part:
            self._put(b"".join(part))

    def _put(self, data: bytes) -> None:
        if self._fd < 0:
            return
        if self._size and self._size + len(data) > self._max_size:
            self._rotate()
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._fd, view) :]
            except OSError:
                break  # a full disk: the container must not stand still for its log
        self._size += len(data)
        self.touch()

    def _rotate(self) -> None:
        os.close(self._fd)
        suffix = time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + f"-{time.time_ns() % 1_000_000_000:09d}"
        os.rename(self.path, f"{self.path}.{suffix}")
        for old in rotated(self.path)[: -(self._max_files - 1) or None]:
            old.unlink(missing_ok=True)
        self._open()


def rotated(path: Path) -> list[Path]:
    """The renamed former files of a log, oldest first."""
    return sorted(p for p in path.parent.glob(path.name + ".*") if p.name[len(path.name) + 1 :][:1].isdigit())
