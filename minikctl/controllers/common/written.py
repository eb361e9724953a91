"""Reading one's own writes: is the cache at least as new as what was written last?

A controller that keeps several objects with generated names for one key would make them twice if it looked at a cache
that has not seen them yet. Source of the idea: Kubernetes' EndpointSliceTracker.
"""

from __future__ import annotations

import threading

from minikctl.api.meta import Obj, key, uid
from minikctl.client.informer import Informer
from minikctl.util.clock import Clock

PATIENCE_SECONDS = 5.0
"""A cache that is still behind after this time never saw the write: it was undone before it was noted."""


class Written:
    """By controller key: the objects written (with their version) or deleted, until the cache shows them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()
        self._versions: dict[str, dict[str, int]] = {}
        self._deleted: dict[str, set[str]] = {}

    def wrote(self, of: str, obj: Obj) -> None:
        with self._lock:
            self._last[of] = self._clock.monotonic()
            self._versions.setdefault(of, {})[key(obj)] = int(obj["metadata"]["resourceVersion"])

    def deleted(self, of: str, obj: Obj) -> None:
        with self._lock:
            self._last[of] = self._clock.monotonic()
            self._versions.get(of, {}).pop(key(obj), None)
            self._deleted.setdefault(of, set()).add(uid(obj))

    def gone(self, of: str, obj: Obj) -> bool:
        """The cache has seen a deletion. True when it was this controller's own."""
        with self._lock:
            self._versions.get(of, {}).pop(key(obj), None)
            own = uid(obj) in self._deleted.get(of, ())
            if own:
                self._deleted[of].discard(uid(obj))
            return own

    def is_own(self, of: str, obj: Obj) -> bool:
        """Whether this version is what this controller wrote last."""
        with self._lock:
            return self._versions.get(of, {}).get(key(obj)) == int(obj["metadata"]["resourceVersion"])

    def is_stale(self, of: str, informer: Informer) -> bool:
        """Whether the cache lacks something written."""
        with self._lock:
            if self._clock.monotonic() - self._last.get(of, 0.0) > PATIENCE_SECONDS:
                return False
            if self._deleted.get(of):
                return True
            for object_key, version in list(self._versions.get(of, {}).items()):
                cached = informer.by_key(object_key)
                if cached is None or int(cached["metadata"]["resourceVersion"]) < version:
                    return True
        return False

    def forget(self, of: str) -> None:
        with self._lock:
            self._versions.pop(of, None)
            self._deleted.pop(of, None)
            self._last.pop(of, None)
