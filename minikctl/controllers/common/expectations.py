"""What a controller has asked for and not yet seen in its cache.

Between a create and its arrival in the informer the cache lies: a controller that counted again would create twice.
So it notes what it expects, and counts again only when everything has been seen, or after five minutes.
Source: Kubernetes `pkg/controller/controller_utils.go` (ControllerExpectations).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from minikctl.util.clock import Clock

TIMEOUT_SECONDS = 300.0


@dataclass(slots=True)
class _Expected:
    since: float
    creations: int = 0
    deletions: set[str] = field(default_factory=set)


class Expectations:
    """By controller key. Thread-safe: handlers report from the reflector's thread."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._lock = threading.Lock()
        self._expected: dict[str, _Expected] = {}

    def expect_creations(self, key: str, count: int) -> None:
        self.expect(key, count, ())

    def expect_deletions(self, key: str, uids: Iterable[str]) -> None:
        self.expect(key, 0, uids)

    def expect(self, key: str, creations: int, deletions: Iterable[str]) -> None:
        """Both in one. Replaces what was expected before."""
        with self._lock:
            self._expected[key] = _Expected(self._clock.monotonic(), creations, set(deletions))

    def creation_observed(self, key: str, count: int = 1) -> None:
        """Also for creations that failed or were never tried."""
        with self._lock:
            expected = self._expected.get(key)
            if expected is not None:
                expected.creations -= count

    def deletion_observed(self, key: str, uid: str) -> None:
        with self._lock:
            expected = self._expected.get(key)
            if expected is not None:
                expected.deletions.discard(uid)

    def satisfied(self, key: str) -> bool:
        """True when the cache can be trusted."""
        with self._lock:
            expected = self._expected.get(key)
            if expected is None or (expected.creations <= 0 and not expected.deletions):
                return True
            return self._clock.monotonic() - expected.since > TIMEOUT_SECONDS

    def expires_in(self, key: str) -> float | None:
        """Seconds until what is awaited is given up, None when nothing is: a watch that broke may never bring it."""
        if self.satisfied(key):
            return None
        with self._lock:
            expected = self._expected.get(key)
            return None if expected is None else expected.since + TIMEOUT_SECONDS - self._clock.monotonic() + 0.001

    def forget(self, key: str) -> None:
        with self._lock:
            self._expected.pop(key, None)
