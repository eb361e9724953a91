"""An informer's cache with one's own newer versions on top.

What a component has written, or is about to write, counts at once instead of when the watch brings it; the watch has
the last word: a newer version, or a deletion, from there replaces what was assumed. Thread-safe.
Source of the idea: Kubernetes `pkg/scheduler/util/assumecache`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from minikctl.api.meta import Obj, Objects, key
from minikctl.client.informer import Handler, Informer


class AssumeCache:
    """Reads as the informer does."""

    def __init__(self, informer: Informer):
        self._informer = informer
        self._lock = threading.Lock()
        self._assumed: dict[str, Obj] = {}
        informer.add_handler(Handler(self._seen, lambda _old, new: self._seen(new), self._gone))

    def get(self, name: str, namespace: str = "") -> Obj | None:
        return self.by_key(f"{namespace}/{name}" if namespace else name)

    def by_key(self, object_key: str) -> Obj | None:
        assumed, cached = self._assumed.get(object_key), self._informer.by_key(object_key)
        if assumed is None or (cached is not None and _version(cached) > _version(assumed)):
            return cached
        return assumed

    def list(self, where: Callable[[Obj], bool] = lambda _obj: True) -> Objects:
        """All that meet a condition, in no particular order."""
        found = {key(o): o for o in self._informer.list()}
        with self._lock:
            for object_key, assumed in self._assumed.items():
                cached = found.get(object_key)
                if cached is None or _version(cached) <= _version(assumed):
                    found[object_key] = assumed
        return [o for o in found.values() if where(o)]

    def assume(self, obj: Obj) -> Obj:
        """Take this version for the present one; returns it."""
        with self._lock:
            self._assumed[key(obj)] = obj
        return obj

    def restore(self, object_key: str) -> None:
        """What was assumed did not come true."""
        with self._lock:
            self._assumed.pop(object_key, None)

    def _seen(self, obj: Obj) -> None:
        with self._lock:
            assumed = self._assumed.get(key(obj))
            if assumed is not None and (_version(obj) > _version(assumed) or obj == assumed):
                del self._assumed[key(obj)]

    def _gone(self, obj: Obj) -> None:
        self.restore(key(obj))


def _version(obj: Obj) -> int:
    return int(obj["metadata"].get("resourceVersion") or 0)
