"""The journal: every write in order, one JSON line each, in segments named after their first resourceVersion.

A record is `{"rv","time","type","key","actor","because","was"?,"object"}`:

* `actor` wrote it (`kubectl-create`, `deployment-controller`, `kubelet/node-1`), `because` is the resourceVersion of
  the change it was reacting to (null for a person). These two make the story of any object readable afterwards.
* `was` holds the labels and selectable fields before the write where they differ, so that a filtered watch can tell
  an object that left its selection from one that never was in it.
* `object` is the whole object after the write; for DELETED the last state, with the deletion's resourceVersion.

Appending the line is the commit point of a write. A line is only complete with its newline; what follows the last
newline is the work of a writer that died and is cut off by the next one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minikctl.store.errors import StoreError
from minikctl.util.files import write_all
from minikctl.util.jsonio import JSONError, compact, loads

ADDED, MODIFIED, DELETED = "ADDED", "MODIFIED", "DELETED"

SEGMENT_BYTES = 4 << 20
RETAIN_BYTES = 64 << 20
RETAIN_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Record:
    """One write. See the module's docstring."""

    rv: int
    time: str
    type: str
    key: str
    actor: str
    because: int | None
    object: dict[str, Any]
    was: dict[str, Any] | None = None

    def line(self) -> bytes:
        parts: dict[str, Any] = {
            "rv": self.rv,
            "time": self.time,
            "type": self.type,
            "key": self.key,
            "actor": self.actor,
            "because": self.because,
        }
        if self.was is not None:
            parts["was"] = self.was
        parts["object"] = self.object
        return compact(parts) + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Record:
        d = loads(line)
        return cls(d["rv"], d["time"], d["type"], d["key"], d["actor"], d["because"], d["object"], d.get("was"))


def key_of_line(line: bytes) -> bytes:
    """The key of a record without parsing it: watchers skip most lines by this."""
    start = line.index(b'"key":"') + 7
    return line[start : line.index(b'"', start)]


def segment_name(first_rv: int) -> str:
    return f"{first_rv:020d}.jsonl"


def segments(folder: Path) -> list[int]:
    """First resourceVersions of the segments, ascending."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return sorted(int(n[:-6]) for n in names if n.endswith(".jsonl") and n[:-6].isdigit())


def last_version(folder: Path, first: int) -> int:
    """The resourceVersion of a segment's last record; of an empty one, that before its first."""
    try:
        lines, _ = complete_lines((folder / segment_name(first)).read_bytes())
    except FileNotFoundError:  # dropped meanwhile
        return first - 1
    return int(lines[-1][6 : lines[-1].index(b",")]) if lines else first - 1


def append(fd: int, size: int, line: bytes, *, sync: bool) -> None:
    """Commit one line at the end of a segment that is `size` bytes long; all or nothing."""
    try:
        write_all(fd, line)
        if sync:
            os.fdatasync(fd)
    except OSError:
        os.ftruncate(fd, size)
        raise


def complete_lines(data: bytes) -> tuple[list[bytes], int]:
    """The finished lines in `data` and how many bytes they take."""
    end = data.rfind(b"\n") + 1
    return (data[:end].splitlines() if end else []), end


def read_records(path: Path, offset: int = 0) -> Iterator[Record]:
    """The records of a segment from a line boundary on. Raises StoreError naming the line that is damaged."""
    with path.open("rb") as f:
        f.seek(offset)
        for line in f:
            if not line.endswith(b"\n"):
                return
            try:
                yield Record.parse(line)
            except (JSONError, KeyError) as e:
                raise StoreError(f"{path}: damaged record at byte {offset}: {e}") from None
            offset += len(line)


def expired(folder: Path, firsts: list[int], now: float, *, retain_bytes: int = RETAIN_BYTES) -> list[Path]:
    """Segments to drop: the oldest, while more than the retained size or age is kept. The newest two always stay."""
    sizes = []
    for first in firsts:
        stat = os.stat(folder / segment_name(first))
        sizes.append((folder / segment_name(first), stat.st_size, stat.st_mtime))
    total, out = sum(size for _, size, _ in sizes), []
    for path, size, mtime in sizes[:-2]:
        if total <= retain_bytes and now - mtime <= RETAIN_SECONDS:
            break
        out.append(path)
        total -= size
    return out
