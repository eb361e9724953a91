"""One line that tells what is being waited for, or how far a download is: on a terminal only, and gone afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

EVERY = 0.1
"""Seconds between two lines."""


@contextmanager
def waiting(stream: IO[str], text: str) -> Iterator[None]:
    """While something takes its time."""
    if not stream.isatty():
        yield
        return
    stream.write(f"\r{text} …\x1b[K")
    stream.flush()
    try:
        yield
    finally:
        stream.write("\r\x1b[K")
        stream.flush()


class Progress:
    """Call it with (digest, bytes here, bytes in all); from any thread."""

    def __init__(self, stream: IO[str], what: str, *, enabled: bool = True):
        self._stream, self._what = stream, what
        self._enabled = enabled and stream.isatty()
        self._parts: dict[str, tuple[int, int]] = {}
        self._lock, self._last, self._width = threading.Lock(), 0.0, 0

    def __call__(self, digest: str, done: int, size: int) -> None:
        if not self._enabled:
            return
        with self._lock:
            self._parts[digest] = (done, size)
            now = time.monotonic()
            if now - self._last >= EVERY:
                self._last = now
                self._show(self.text())

    def text(self) -> str:
        from minikctl.cluster.images import human_size

        done, size = (sum(p[i] for p in self._parts.values()) for i in (0, 1))
        return f"{self._what}: {human_size(done)} of {human_size(size)} in {len(self._parts)} parts"

    def _show(self, text: str) -> None:
        self._stream.write("\r" + text.ljust(self._width))
        self._stream.flush()
        self._width = len(text)

    def close(self) -> None:
        """Leave an empty line behind."""
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()
