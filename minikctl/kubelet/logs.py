"""Reading container logs: the last lines, since a time, following what is being written, across rotation.

Source: kubelet `kuberuntime/logs/logs.go`; PodLogOptions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from minikctl.runtime.cri_log import rotated, stamp

_BLOCK = 64 * 1024
Wait = Callable[[int], tuple[int, bool]]
"""Block until the log's generation is not the given one: (the new one, whether the container still writes)."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a log is asked for. since: the smallest time, as text; tail None: all lines; stream: one only."""

    since: str = ""
    tail: int | None = None
    timestamps: bool = False
    limit: int | None = None
    follow: bool = False
    stream: str = ""


def selection(options: Mapping[str, Any], now: datetime) -> Selection:
    """From PodLogOptions. Raises ValueError for a malformed time."""
    since = ""
    if options.get("sinceTime"):
        since = _text(datetime.fromisoformat(str(options["sinceTime"])))
    elif options.get("sinceSeconds") is not None:
        since = _text(now - timedelta(seconds=float(options["sinceSeconds"])))
    tail, limit = options.get("tailLines"), options.get("limitBytes")
    stream = str(options.get("stream") or "All")
    return Selection(
        since=since,
        tail=None if tail is None or int(tail) < 0 else int(tail),
        timestamps=bool(options.get("timestamps")),
        limit=None if limit is None else int(limit),
        follow=bool(options.get("follow")),
        stream="" if stream == "All" else stream.lower(),
    )


def _text(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    whole = int(moment.replace(microsecond=0).timestamp())
    return stamp(whole * 1_000_000_000 + moment.microsecond * 1000).decode()


class Renderer:
    """Log lines as they are shown: without time and tag, pieces of a line joined."""

    def __init__(self, wanted: Selection):
        self._wanted = wanted
        self._since = wanted.since.encode()
        self._at_start = {b"stdout": True, b"stderr": True}
        self.left = wanted.limit

    def __call__(self, line: bytes) -> bytes:
        """One line of the file (with its newline); empty when it is not to be shown."""
        time, _, rest = line.partition(b" ")
        stream, _, rest = rest.partition(b" ")
        tag, _, text = rest.partition(b" ")
        if time < self._since or (self._wanted.stream and stream != self._wanted.stream.encode()):
            return b""
        shown = text if tag != b"P" else text.removesuffix(b"\n")
        if self._wanted.timestamps and self._at_start.get(stream, True):
            shown = time + b" " + shown
        self._at_start[stream] = tag != b"P"
        if self.left is not None:
            shown = shown[: self.left]
            self.left -= len(shown)
        return shown

    @property
    def is_full(self) -> bool:
        return self.left is not None and self.left <= 0


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a log: the file (inode) and the offset up to which it was read."""

    inode: int
    offset: int

    def __str__(self) -> str:
        return f"{self.inode}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Raises ValueError."""
        inode, _, offset = text.partition(":")
        return cls(int(inode), int(offset))


def read(path: Path, wanted: Selection, wait: Wait, start: Cursor | None = None) -> Iterator[tuple[bytes, Cursor]]:
    """Chunks of what is to be shown and the place behind each. Ends at the end of the log, or of the container.

    A log that is not there yet is empty. `start` continues an earlier reading.
    """
    render = Renderer(wanted)
    if render.is_full:
        return
    seen, writing = wait(-1) if wanted.follow else (0, False)
    fd = _open(path, start)
    try:
        if fd < 0 and not writing:
            return
        offset = start.offset if start and fd >= 0 else (_tail_offset(fd, wanted.tail) if fd >= 0 else 0)
        while True:
            if fd < 0:
                fd = _open(path, None)
            if fd >= 0:
                newer = _next_file(path, fd)  # looked for first: once there is a next one, this one is complete
                for chunk, behind in _lines(fd, offset, render):
                    offset = behind
                    if chunk:
                        yield chunk, Cursor(os.fstat(fd).st_ino, offset)
                if newer >= 0:
                    os.close(fd)
                    fd, offset = newer, 0
                    continue
                if render.is_full:
                    return
            if not writing:
                return
            seen, writing = wait(seen)
    finally:
        if fd >= 0:
            os.close(fd)


def _open(path: Path, start: Cursor | None) -> int:
    """The file to begin with: that of the cursor if it is still there, else the present one; -1 when there is none."""
    candidates = [*rotated(path), path] if start else [path]
    for candidate in candidates:
        try:
            fd = os.open(candidate, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        if start is None or os.fstat(fd).st_ino == start.inode:
            return fd
        os.close(fd)
    return -1


def _next_file(path: Path, fd: int) -> int:
    """After rotation: the file that follows the one we are at the end of; -1 when ours is the last.

    The writer may rotate while we look: what we saw counts only when the names are the same afterwards.
    """
    inode = os.fstat(fd).st_ino
    while True:
        files = rotated(path)
        inodes = [_inode(p) for p in (*files, path)]
        if rotated(path) != files:
            continue
        if inodes[-1] in (inode, -1):
            return -1
        position = inodes.index(inode) + 1 if inode in inodes else 0
        try:
            newer = os.open((*files, path)[position], os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        if os.fstat(newer).st_ino == inodes[position]:
            return newer
        os.close(newer)


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return -1


def _lines(fd: int, offset: int, render: Renderer) -> Iterator[tuple[bytes, int]]:
    """What the whole lines from `offset` on show, in chunks, and the offset behind them."""
    rest = b""
    while not render.is_full:
        block = os.pread(fd, _BLOCK, offset + len(rest))
        if not block:
            return
        whole, newline, _ = (rest + block).rpartition(b"\n")
        if not newline:
            rest += block
            continue
        out = b"".join(render(line + b"\n") for line in whole.split(b"\n") if not render.is_full)
        offset += len(whole) + 1
        rest = b""
        yield out, offset


def _tail_offset(fd: int, lines: int | None) -> int:
    """Where the last `lines` lines begin."""
    if lines is None:
        return 0
    end = os.fstat(fd).st_size
    if lines == 0:
        return end
    position, found = end, 0
    while position > 0:
        size = min(_BLOCK, position)
        block = os.pread(fd, size, position - size)
        at = len(block)
        while (at := block.rfind(b"\n", 0, at)) >= 0:
            if position - size + at == end - 1:
                continue  # the newline that ends the last line
            found += 1
            if found == lines:
                return position - size + at + 1
        position -= size
    return 0
