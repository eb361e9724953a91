"""One reader of the journal a process: parses each record once and hands it to everybody who listens.

Guarantee to a listener: after `fill`, every later record below its prefix is offered once, in order, one at a time.
`fill` lists at a moment of its own, so the first records may be contained in the listing already: their
resourceVersions tell.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import Protocol

from minikctl.api.meta import Obj, key
from minikctl.api.watch import Sink, Stop
from minikctl.apiserver.registry import storage_prefix
from minikctl.apiserver.request import Context
from minikctl.apiserver.server import APIServer
from minikctl.apiserver.watching import Selection
from minikctl.store import Compacted, Record, StoreError, Watch


class Listener(Protocol):
    """Gets the records below `prefix` (a storage prefix such as `pods/default`)."""

    prefix: str

    def fill(self, api: APIServer) -> None:
        """Start from what is stored: at the beginning, and again when the reader fell behind."""
        ...

    def offer(self, record: Record) -> None: ...

    def flush(self) -> None:
        """A batch of records is through."""
        ...


@dataclass(eq=False)
class _Reflector:
    """Feeds a sink with the objects of a selection."""

    selection: Selection
    sink: Sink
    prefix: str
    listed: dict[str, int] = field(default_factory=dict)
    """Versions from the listing that the journal has not reached yet."""
    listed_at: int = 0

    def fill(self, api: APIServer) -> None:
        listing = api.list(self.selection, Context())
        items: list[Obj] = listing["items"]
        self.listed = {key(o): int(o["metadata"]["resourceVersion"]) for o in items}
        self.listed_at = max(self.listed.values(), default=0)
        self.sink.replace(items)

    def offer(self, record: Record) -> None:
        if self.listed:
            if record.rv > self.listed_at:
                self.listed = {}
            elif record.rv <= self.listed.get(key(record.object), 0):
                return
        event = self.selection.event(record)
        if event is not None:
            self.sink.apply(event.type, event.object)

    def flush(self) -> None:
        return None


class JournalHub:
    """Feeds all listeners of this process. Starts its thread with the first one. Thread-safe."""

    def __init__(self, api: APIServer):
        self._api = api
        self.lock = threading.RLock()
        """Held while records are delivered: who holds it sees no listener change."""
        self._listeners: list[Listener] = []
        self._watch: Watch | None = None
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    @property
    def last_rv(self) -> int:
        """Everything up to this resourceVersion has been delivered."""
        return self._watch.last_rv if self._watch else 0

    def subscribe(self, selection: Selection, sink: Sink) -> Stop:
        """List into the sink now, then follow. The returned function ends it.

        Objects that a webhook converts come as they are stored: nobody waits for a webhook here.
        """
        if selection.kind.is_shown_slowly:
            selection = replace(selection, kind=selection.kind.stored.as_stored())
        return self.attach(_Reflector(selection, sink, storage_prefix(selection.kind, selection.namespace)))

    def attach(self, listener: Listener) -> Stop:
        """Fill the listener and keep it current. The returned function ends it."""
        with self.lock:
            if self._watch is None:
                self._open()
            self._drain()  # what the others have seen must not reach the newcomer after its listing
            listener.fill(self._api)
            self._listeners.append(listener)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="journal-hub", daemon=True)
                self._thread.start()

        def stop() -> None:
            with self.lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return stop

    def catch_up(self) -> int:
        """Deliver what is in the journal by now, in this thread; the version reached."""
        with self.lock:
            if self._watch is None:
                self._open()
            try:
                self._drain()
            except (Compacted, StoreError):
                self._restart()
            return self.last_rv

    def stop(self) -> None:
        self._stopped.set()
        if self._watch is not None:
            self._watch.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)

    def _open(self) -> None:
        self._watch = Watch(self._api.store, self._api.store.current_rv(), (), self._api.notifier)

    def _drain(self) -> None:
        assert self._watch is not None
        self._deliver(self._watch.poll())

    def _deliver(self, records: list[Record]) -> None:
        if not records:
            return
        for record in records:
            for listener in self._listeners:
                if record.key.startswith(listener.prefix) and record.key[len(listener.prefix)] == "/":
                    listener.offer(record)
        for listener in self._listeners:
            listener.flush()

    def _run(self) -> None:
        notifier = self._api.notifier
        while not self._stopped.is_set():
            seen = notifier.generation if notifier else 0
            try:
                with self.lock:
                    self._drain()
            except (Compacted, StoreError):  # fell behind, or a damaged record: start again from what is stored
                self._restart()
            if notifier:
                notifier.wait(seen, 5.0)
            else:
                self._stopped.wait(0.02)

    def _restart(self) -> None:
        with self.lock:
            if self._watch is not None:
                self._watch.close()
            self._open()
            for listener in self._listeners:
                listener.fill(self._api)
