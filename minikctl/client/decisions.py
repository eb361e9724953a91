"""The scheduler's last decisions, kept in a file for `minikctl why`: `run/decisions.jsonl` of the state directory.

One JSON object a line, the newest last. When the file has grown to 8 MiB it becomes `decisions.old.jsonl` and a new one
begins: some thousands of decisions are kept. It is a convenience, not state: it may be lost or deleted at any time.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from minikctl.api.meta import Obj
from minikctl.util.jsonio import JSONError, compact, loads

FILE, OLD = "decisions.jsonl", "decisions.old.jsonl"
MOST_BYTES = 8 * 1024 * 1024


class DecisionLog:
    """Thread-safe. Failures to write are ignored: scheduling goes on."""

    def __init__(self, state_dir: str | Path):
        self._folder = Path(state_dir) / "run"
        self._lock = threading.Lock()
        self._size = -1

    def append(self, decision: Obj) -> None:
        line = compact(decision) + b"\n"
        path = self._folder / FILE
        with self._lock, contextlib.suppress(OSError):
            if self._size < 0:
                self._size = path.stat().st_size if path.exists() else 0
            if self._size + len(line) > MOST_BYTES:
                os.replace(path, self._folder / OLD)
                self._size = 0
            with open(path, "ab", opener=_private) as f:
                f.write(line)
            self._size += len(line)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def last(state_dir: str | Path, uid: str) -> Obj | None:
    """The last decision about a pod, None when none is kept."""
    wanted = f'"uid":"{uid}"'.encode()
    for name in (FILE, OLD):
        try:
            content = (Path(state_dir) / "run" / name).read_bytes()
        except OSError:
            continue
        at = content.rfind(wanted)
        if at < 0:
            continue
        end = content.find(b"\n", at)
        try:
            return loads(content[content.rfind(b"\n", 0, at) + 1 : end if end >= 0 else None])  # type: ignore[no-any-return]
        except JSONError:
            continue
    return None
