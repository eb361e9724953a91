"""The watch cache: what the HTTP front lists and watches from, so that hundreds of clients cost one reading of the store.

Objects are held as the JSON that is sent, with what selectors ask of them beside it; an event is encoded once, however
many watch it. Guarantee to a watcher: every matching change after its resourceVersion, once, in order; or `expired`.
Source: apiserver `storage/cacher`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.api.watch import ADDED, DELETED, MODIFIED
from minikctl.apiserver.hub import JournalHub
from minikctl.apiserver.registry import storage_prefix
from minikctl.apiserver.request import Context
from minikctl.apiserver.server import APIServer
from minikctl.apiserver.watching import Selection
from minikctl.store import FutureVersion, Record, Watch
from minikctl.util.jsonio import compact, loads

HISTORY = 1024
"""Changes of a kind that a watch can start before without reading the journal."""


class Item:
    """One object as it is sent, with its selectable parts."""

    __slots__ = ("fields", "json", "labels", "namespace", "rv")

    def __init__(self, kind: Kind, obj: Obj):
        metadata = obj["metadata"]
        self.namespace: str = metadata.get("namespace", "")
        self.labels: dict[str, str] = metadata.get("labels") or {}
        self.fields: dict[str, str] = kind.fields_of(obj)
        self.rv = int(metadata.get("resourceVersion") or 0)
        self.json = compact(obj)

    @property
    def object(self) -> Any:
        return loads(self.json)


class Change:
    """One write: the object after it (before, for a deletion) and what selectors saw before."""

    __slots__ = ("item", "rv", "type", "was_fields", "was_labels")

    def __init__(self, kind: Kind, record: Record):
        self.item = Item(kind, record.object)
        self.rv, self.type = record.rv, record.type
        was = record.was or {}
        self.was_labels: dict[str, str] = was.get("labels", self.item.labels)
        self.was_fields: dict[str, str] = self.item.fields | was["fields"] if "fields" in was else self.item.fields

    def seen_by(self, selection: Selection) -> str:
        """The event's type for a watcher of this selection, empty when it is none of its business."""
        if selection.namespace and self.item.namespace != selection.namespace:
            return ""
        if not selection.labels and not selection.fields:
            return self.type
        now = _selected(selection, self.item.labels, self.item.fields)
        if self.type != MODIFIED:
            return self.type if now else ""
        before = _selected(selection, self.was_labels, self.was_fields)
        if now:
            return MODIFIED if before else ADDED
        return DELETED if before else ""


def _selected(selection: Selection, labels: dict[str, str], fields: dict[str, str]) -> bool:
    if selection.labels and not selection.labels.matches(labels):
        return False
    return not selection.fields or selection.fields.matches(fields)


class Watcher:
    """One open watch. `take` empties its queue; `wake` is called, from another thread, when there is something in it."""

    def __init__(self, selection: Selection, wake: Callable[[], None]):
        self.selection = selection
        self.expired = False
        self._wake = wake
        self._queue: deque[tuple[str, Item]] = deque()
        self._told = False

    def take(self) -> list[tuple[str, Item]]:
        """Events since the last call: (type, object)."""
        self._told = False
        out = []
        while self._queue:
            out.append(self._queue.popleft())
        return out

    def offer(self, change: Change) -> None:
        event = change.seen_by(self.selection)
        if event:
            self._queue.append((event, change.item))

    def flush(self) -> None:
        if (self._queue or self.expired) and not self._told:
            self._told = True
            self._wake()


class KindCache:
    """The cache of one stored kind; a `Listener` of the journal hub."""

    def __init__(self, kind: Kind):
        self.kind = kind
        self.prefix = storage_prefix(kind)
        self.changed_rv = 0
        self._items: dict[str, Item] = {}
        self._sorted: list[str] | None = []
        self._history: deque[Change] = deque(maxlen=HISTORY)
        self._complete_after = 0
        self._watchers: list[Watcher] = []

    # ------------------------------------------------------------------ listening

    def fill(self, api: APIServer) -> None:
        listing = api.store.list(self.prefix)
        self._items = {}
        for obj in listing.items:
            self._items[self._key(obj)] = Item(self.kind, obj)
        self._sorted = None
        self._history.clear()
        self._complete_after = listing.rv
        self.changed_rv = listing.rv  # the last change may have been a deletion, of which nothing is left to see
        for watcher in self._watchers:
            watcher.expired = True
        self.flush()

    @staticmethod
    def _key(obj: Obj) -> str:
        metadata = obj["metadata"]
        return f"{metadata.get('namespace', '')}/{metadata['name']}"

    def offer(self, record: Record) -> None:
        if record.rv <= self._complete_after:
            return
        object_key = self._key(record.object)
        known = self._items.get(object_key)
        change = Change(self.kind, record)
        if known is not None and known.rv >= record.rv:
            pass  # the listing was ahead of the journal here
        elif record.type == DELETED:
            if self._items.pop(object_key, None) is not None:
                self._sorted = None
        else:
            if known is None:
                self._sorted = None
            self._items[object_key] = change.item
        self.changed_rv = record.rv
        self._history.append(change)
        for watcher in self._watchers:
            watcher.offer(change)

    def flush(self) -> None:
        for watcher in self._watchers:
            watcher.flush()

    # ------------------------------------------------------------------ answering (under the hub's lock)

    def items(self, selection: Selection) -> list[tuple[str, Item]]:
        """What is selected, as (namespace/name, item), sorted."""
        if self._sorted is None:
            self._sorted = sorted(self._items)
        prefix = f"{selection.namespace}/" if selection.namespace else ""
        return [
            (k, self._items[k])
            for k in self._sorted
            if k.startswith(prefix) and _selected(selection, self._items[k].labels, self._items[k].fields)
        ]

    def get(self, namespace: str, name: str) -> Item | None:
        return self._items.get(f"{namespace}/{name}")

    def backlog(self, api: APIServer, after: int, upto: int) -> list[Change]:
        """Changes with after < rv ≤ upto. Raises store.Compacted, store.FutureVersion."""
        if after > upto:
            raise FutureVersion(after, upto)
        if after >= self.changed_rv:
            return []
        start = self._history[0].rv if len(self._history) == HISTORY else self._complete_after + 1
        if after + 1 >= start:
            return [c for c in self._history if c.rv > after]
        journal = Watch(api.store, after, (self.prefix,))
        try:
            return [Change(self.kind, r) for r in journal.poll() if r.rv <= upto]
        finally:
            journal.close()

    def add(self, watcher: Watcher) -> None:
        self._watchers.append(watcher)

    def drop(self, watcher: Watcher) -> None:
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    @property
    def watchers(self) -> int:
        return len(self._watchers)


class WatchCache:
    """All kinds, each cached from the first time that somebody asks. Thread-safe."""

    def __init__(self, api: APIServer, hub: JournalHub):
        self.api = api
        self.hub = hub
        self._kinds: dict[str, KindCache] = {}
        self._making = threading.Lock()

    def _of(self, kind: Kind) -> KindCache:
        stored = kind.stored
        prefix = storage_prefix(stored)
        with self._making:
            known = self._kinds.get(prefix)
            if known is None:
                known = self._kinds[prefix] = KindCache(stored)
                self.hub.attach(known)
            elif known.kind is not stored:  # its definition has changed: selectable fields may be others now
                with self.hub.lock:
                    known.kind = stored
                    known.fill(self.api)
            return known

    def list(self, selection: Selection) -> tuple[list[tuple[str, Item]], int, int]:
        """(items, the resourceVersion they are current at, the last one that changed this kind)."""
        if selection.kind.is_computed:
            return self._computed(selection)
        cache = self._of(selection.kind)
        with self.hub.lock:
            rv = self.hub.catch_up()
            return cache.items(selection), rv, cache.changed_rv

    def _computed(self, selection: Selection) -> tuple[list[tuple[str, Item]], int, int]:
        """What is not stored is not held here either."""
        listing = self.api.list(selection, Context())
        rv = int(listing["metadata"]["resourceVersion"])
        items = [Item(selection.kind, obj) for obj in listing["items"]]
        return [(f"{i.namespace}/{i.object['metadata']['name']}", i) for i in items], rv, rv

    def watch(
        self, selection: Selection, after: int | None, wake: Callable[[], None]
    ) -> tuple[Watcher, list[tuple[str, Item]], int]:
        """Open a watch: (watcher, first events, the version they reach).

        With `after` None what exists comes first as ADDED. Raises store.Compacted, store.FutureVersion.
        """
        cache = self._of(selection.kind)
        watcher = Watcher(selection, wake)
        with self.hub.lock:
            upto = self.hub.catch_up()
            if after is None:
                first = [(ADDED, item) for _, item in cache.items(selection)]
            else:
                changes = cache.backlog(self.api, after, upto)
                first = [(e, c.item) for c in changes if (e := c.seen_by(selection))]
            cache.add(watcher)
        return watcher, first, upto

    def close(self, watcher: Watcher) -> None:
        cache = self._kinds[storage_prefix(watcher.selection.kind.stored)]
        with self.hub.lock:
            cache.drop(watcher)

    def open_watches(self) -> int:
        return sum(c.watchers for c in self._kinds.values())
