"""The one thread that listens: output of containers, their ends, and times that have come. It sleeps in epoll."""

from __future__ import annotations

import heapq
import logging
import os
import select
import threading
import time
from collections.abc import Callable
from itertools import count

log = logging.getLogger("runtime")
Call = Callable[[], object]


class Loop:
    """Callbacks run in the loop's thread; every method may be called from any thread."""

    def __init__(self, name: str = "runtime"):
        self._epoll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._readers: dict[int, Call] = {}
        self._timers: list[tuple[float, int, Call]] = []
        self._soon: list[Call] = []
        self._serial = count()
        self._lock = threading.Lock()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread. Descriptors that others opened stay open. May be repeated."""
        if self._stopped:
            return
        self._stopped = True
        self._poke()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout=5)
        self._epoll.close()
        os.close(self._wake)

    def add(self, fd: int, ready: Call) -> None:
        """Call `ready` whenever `fd` can be read or has been hung up."""
        self._readers[fd] = ready
        self._epoll.register(fd, select.EPOLLIN)

    def remove(self, fd: int) -> None:
        """Before the descriptor is closed. Unknown ones do no harm."""
        if self._readers.pop(fd, None) is not None and not self._epoll.closed:
            try:
                self._epoll.unregister(fd)
            except (OSError, ValueError):
                pass

    def call(self, action: Call) -> None:
        """Run this in the loop's thread, soon."""
        with self._lock:
            self._soon.append(action)
        self._poke()

    def later(self, seconds: float, action: Call) -> None:
        """Run this in the loop's thread after a while."""
        with self._lock:
            heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._serial), action))
        self._poke()

    def _poke(self) -> None:
        try:
            os.eventfd_write(self._wake, 1)
        except OSError:
            pass  # stopped meanwhile

    def _run(self) -> None:
        while not self._stopped:
            for fd, _event in self._epoll.poll(self._timeout()):
                if fd == self._wake:
                    os.eventfd_read(self._wake)
                elif (ready := self._readers.get(fd)) is not None:
                    self._guarded(ready)
            for action in self._due():
                self._guarded(action)

    def _timeout(self) -> float:
        with self._lock:
            if self._soon:
                return 0.0
            return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else -1.0

    def _due(self) -> list[Call]:
        now = time.monotonic()
        with self._lock:
            due, self._soon = self._soon, []
            while self._timers and self._timers[0][0] <= now:
                due.append(heapq.heappop(self._timers)[2])
        return due

    @staticmethod
    def _guarded(action: Call) -> None:
        try:
            action()
        except Exception:
            log.exception("in the runtime's loop")
