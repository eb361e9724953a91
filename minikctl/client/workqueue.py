"""A queue of keys for controllers.

Guarantees: a key is worked on by one worker at a time; a key added while it waits is kept once; a key added while it
is worked on comes again afterwards. A key that waits for a later time waits once, for the earliest it was given. Failed keys wait 5 ms, 10 ms, 20 ms … up to 1,000 s. Each key remembers the
newest change that put it there (`because`).

Source: client-go `util/workqueue`.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import count

BASE_DELAY = 0.005
MAX_DELAY = 1000.0


class WorkQueue:
    """Thread-safe; `get` blocks until there is work or the queue is shut down."""

    def __init__(self, name: str = "", monotonic: Callable[[], float] = time.monotonic):
        self.name = name
        self._monotonic = monotonic
        self._condition = threading.Condition()
        self._ready: deque[str] = deque()
        self._dirty: dict[str, int | None] = {}
        self._working: set[str] = set()
        self._later: list[tuple[float, int, str]] = []
        self._due: dict[str, tuple[float, int | None]] = {}
        """When a delayed key is due, and its cause: a key waits once, for the earliest of its times."""
        self._serial = count()
        self._failures: dict[str, int] = {}
        self._down = False
        self.added = 0

    def __len__(self) -> int:
        return len(self._ready)

    def due_in(self) -> float | None:
        """Seconds until the next delayed key is due; None when there is none."""
        with self._condition:
            return self._later[0][0] - self._monotonic() if self._later else None

    @property
    def idle(self) -> bool:
        """True when nothing waits to be done now and nothing is being done."""
        with self._condition:
            return not self._dirty and not self._working

    def add(self, key: str, because: int | None = None) -> None:
        """Have a key worked on soon."""
        with self._condition:
            if self._down:
                return
            self.added += 1
            known = self._dirty.get(key)
            waiting = key in self._dirty
            self._dirty[key] = because if because is not None else known
            if not waiting and key not in self._working:
                self._ready.append(key)
                self._condition.notify()

    def add_after(self, key: str, seconds: float, because: int | None = None) -> None:
        """Have a key worked on when `seconds` have passed."""
        if seconds <= 0:
            self.add(key, because)
            return
        with self._condition:
            if self._down:
                return
            due = self._monotonic() + seconds
            known, cause = self._due.get(key, (due + 1, None))
            self._due[key] = (min(due, known), because if because is not None else cause)
            if due < known:
                heapq.heappush(self._later, (due, next(self._serial), key))
                self._condition.notify()

    def add_rate_limited(self, key: str, because: int | None = None) -> None:
        """Have a failed key worked on again, later with every failure."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.add_after(key, min(BASE_DELAY * 2**failures, MAX_DELAY), because)

    def forget(self, key: str) -> None:
        """The key is done well: its next failure counts as the first."""
        self._failures.pop(key, None)

    def retries(self, key: str) -> int:
        return self._failures.get(key, 0)

    def get(self, timeout: float | None = None) -> tuple[str, int | None] | None:
        """The next key and its cause; None when the queue is shut down or the time is over. Answer with `done`."""
        deadline = None if timeout is None else self._monotonic() + timeout
        with self._condition:
            while True:
                self._promote()
                if self._ready:
                    key = self._ready.popleft()
                    self._working.add(key)
                    return key, self._dirty.pop(key)
                if self._down:
                    return None
                wait = self._later[0][0] - self._monotonic() if self._later else None
                if deadline is not None:
                    left = deadline - self._monotonic()
                    if left <= 0:
                        return None
                    wait = left if wait is None else min(wait, left)
                self._condition.wait(wait)

    def _promote(self) -> None:
        now = self._monotonic()
        while self._later and self._later[0][0] <= now:
            due, _, key = heapq.heappop(self._later)
            wanted, because = self._due.get(key, (None, None))
            if wanted == due:
                del self._due[key]
                self.add(key, because)

    def done(self, key: str) -> None:
        """The worker is through with a key it got."""
        with self._condition:
            self._working.discard(key)
            if key in self._dirty:
                self._ready.append(key)
                self._condition.notify()

    def shut_down(self) -> None:
        with self._condition:
            self._down = True
            self._later.clear()
            self._due.clear()
            self._condition.notify_all()
