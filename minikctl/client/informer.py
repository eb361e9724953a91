"""Informers: a cache of one kind, kept current, that tells handlers what changed.

Cached objects are shared: never change them; copy what you write (by path, or `registry.clone`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, Objects, key
from minikctl.api.selectors import Selector
from minikctl.api.watch import Stop
from minikctl.client.protocol import Client

Indexer = Callable[[Obj], Iterable[str]]
log = logging.getLogger("informer")


@dataclass(frozen=True, slots=True)
class Handler:
    """Called in the reflector's thread; must be quick and must not write. `update` gets (old, new).

    One that raises is a bug: it is logged, and keeps neither the other handlers nor later changes from being told.
    """

    add: Callable[[Obj], None]
    update: Callable[[Obj, Obj], None]
    delete: Callable[[Obj], None]


def by_owner(obj: Obj) -> Iterable[str]:
    """Index by the uid of the controlling owner."""
    return [r["uid"] for r in obj["metadata"].get("ownerReferences") or [] if r.get("controller")]


def by_namespace(obj: Obj) -> Iterable[str]:
    return [obj["metadata"].get("namespace", "")]


class Informer:
    """The cache of one kind. It is a `Sink` for a reflector."""

    def __init__(self, kind: Kind, indexers: dict[str, Indexer] | None = None):
        self.kind = kind
        self._lock = threading.RLock()
        self._objects: dict[str, Obj] = {}
        self._indexers = {"namespace": by_namespace, **(indexers or {})}
        self._indexes: dict[str, dict[str, dict[str, Obj]]] = {n: {} for n in self._indexers}
        self._handlers: list[Handler] = []
        self.synced = threading.Event()

    # ------------------------------------------------------------------ asking

    def get(self, name: str, namespace: str = "") -> Obj | None:
        return self._objects.get(f"{namespace}/{name}" if namespace else name)

    def by_key(self, object_key: str) -> Obj | None:
        return self._objects.get(object_key)

    def list(self, namespace: str = "", selector: Selector | None = None) -> Objects:
        """Objects of a namespace (all when empty) that the selector matches, in no particular order."""
        with self._lock:
            found = list((self._indexes["namespace"].get(namespace, {}) if namespace else self._objects).values())
        if selector is None:
            return found
        return [o for o in found if selector.matches(o["metadata"].get("labels") or {})]

    def by_index(self, index: str, value: str) -> Objects:
        with self._lock:
            return list(self._indexes[index].get(value, {}).values())

    def add_indexer(self, name: str, indexer: Indexer) -> None:
        with self._lock:
            if name in self._indexers:
                return
            self._indexers[name] = indexer
            self._indexes[name] = {}
            for object_key, obj in self._objects.items():
                for value in indexer(obj):
                    self._indexes[name].setdefault(value, {})[object_key] = obj

    def add_handler(self, handler: Handler) -> None:
        """Be told from now on; what is cached already is reported as added."""
        with self._lock:
            self._handlers.append(handler)
            present = list(self._objects.values())
        for obj in present:
            handler.add(obj)

    # ------------------------------------------------------------------ being told

    def replace(self, objects: Objects) -> None:
        fresh = {key(o): o for o in objects}
        for object_key in [k for k in self._objects if k not in fresh]:
            self._remove(object_key, self._objects[object_key])
        for object_key, obj in fresh.items():
            self._put(object_key, obj)
        self.synced.set()

    def apply(self, event_type: str, obj: Obj) -> None:
        if event_type == "DELETED":
            self._remove(key(obj), obj)
        else:
            self._put(key(obj), obj)

    def _put(self, object_key: str, obj: Obj) -> None:
        with self._lock:
            old = self._objects.get(object_key)
            if old is not None:
                if old["metadata"].get("resourceVersion") == obj["metadata"].get("resourceVersion"):
                    return
                self._unindex(object_key, old)
            self._objects[object_key] = obj
            for name, indexer in self._indexers.items():
                for value in indexer(obj):
                    self._indexes[name].setdefault(value, {})[object_key] = obj
        for handler in self._handlers:
            if old is None:
                self._tell(handler.add, obj)
            elif old["metadata"].get("uid") != obj["metadata"].get("uid"):
                self._tell(handler.delete, old)
                self._tell(handler.add, obj)
            else:
                self._tell(handler.update, old, obj)

    def _remove(self, object_key: str, last: Obj) -> None:
        with self._lock:
            old = self._objects.pop(object_key, None)
            if old is None:
                return
            self._unindex(object_key, old)
        for handler in self._handlers:
            self._tell(handler.delete, last)

    def _tell(self, handle: Callable[..., None], *objects: Obj) -> None:
        try:
            handle(*objects)
        except Exception:
            log.exception("a handler of %s failed on %s", self.kind.resource, key(objects[-1]))

    def _unindex(self, object_key: str, obj: Obj) -> None:
        for name, indexer in self._indexers.items():
            index = self._indexes[name]
            for value in indexer(obj):
                members = index.get(value)
                if members is not None:
                    members.pop(object_key, None)
                    if not members:
                        del index[value]


class InformerFactory:
    """Shared informers of one process: one a kind. `start` fills them and keeps them current."""

    def __init__(self, client: Client):
        self.client = client
        self._informers: dict[tuple[str, str], Informer] = {}
        self._stops: list[Stop] = []
        self._started: set[tuple[str, str]] = set()

    def informer(self, word: str, *, field_selector: str = "", indexers: dict[str, Indexer] | None = None) -> Informer:
        """The informer of a kind (and selection); the same one for everybody who asks. Raises KeyError."""
        kind = self.client.kind(word)
        if kind is None:
            raise KeyError(word)
        place = (kind.resource, field_selector)
        if place not in self._informers:
            self._informers[place] = Informer(kind)
        informer = self._informers[place]
        for name, indexer in (indexers or {}).items():
            informer.add_indexer(name, indexer)
        return informer

    def cached(self, kind: Kind, namespace: str, name: str) -> Obj | None:
        """An object as the components of this process know it, when they have an informer of its kind."""
        informer = self._informers.get((kind.resource, ""))
        return informer.get(name, namespace) if informer else None

    def start(self) -> None:
        """Begin to reflect every informer that is not started yet; may be called again."""
        for place, informer in list(self._informers.items()):
            if place not in self._started:
                self._started.add(place)
                self._stops.append(self.client.reflect(informer.kind, informer, field_selector=place[1]))

    def wait_for_sync(self, timeout: float = 30.0) -> bool:
        """True when every started informer has its first listing."""
        deadline = time.monotonic() + timeout
        return all(i.synced.wait(max(0.0, deadline - time.monotonic())) for i in self._informers.values())

    def stop(self) -> None:
        for stop in self._stops:
            stop()
        self._stops.clear()
