"""One reader of the journal a process: parses each record once and hands it to every reflector that wants it.

Guarantee to a sink: after `replace`, every change of the selected objects is applied once, in order, in one thread. A
change that the listing already contained is recognised by its resourceVersion and left out.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from minikctl.api.meta import Obj, key
from minikctl.apiserver.registry import storage_prefix
from minikctl.apiserver.request import Context
from minikctl.apiserver.server import APIServer
from minikctl.apiserver.watching import Selection
from minikctl.client.protocol import Sink, Stop
from minikctl.store import Compacted, Record, StoreError, Watch


@dataclass(eq=False)
class _Subscriber:
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
        if not (record.key.startswith(self.prefix) and record.key[len(self.prefix)] == "/"):
            return
        if self.listed:
            if record.rv > self.listed_at:
                self.listed = {}
            elif record.rv <= self.listed.get(key(record.object), 0):
                return
        event = self.selection.event(record)
        if event is not None:
            self.sink.apply(event.type, event.object)


class JournalHub:
    """Feeds all reflectors of this process. Starts its thread with the first subscriber."""

    def __init__(self, api: APIServer):
        self._api = api
        self._lock = threading.RLock()
        self._subscribers: list[_Subscriber] = []
        self._watch: Watch | None = None
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    def subscribe(self, selection: Selection, sink: Sink) -> Stop:
        """List into the sink now, then follow. The returned function ends it."""
        subscriber = _Subscriber(selection, sink, storage_prefix(selection.kind, selection.namespace))
        with self._lock:
            if self._watch is None:
                self._open()
            self._drain()  # what the others have seen must not reach the newcomer after its listing
            subscriber.fill(self._api)
            self._subscribers.append(subscriber)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="journal-hub", daemon=True)
                self._thread.start()

        def stop() -> None:
            with self._lock:
                if subscriber in self._subscribers:
                    self._subscribers.remove(subscriber)

        return stop

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
        for record in records:
            for subscriber in self._subscribers:
                subscriber.offer(record)

    def _run(self) -> None:
        notifier = self._api.notifier
        while not self._stopped.is_set():
            seen = notifier.generation if notifier else 0
            try:
                with self._lock:
                    self._drain()
            except (Compacted, StoreError):  # fell behind, or a damaged record: start again from what is stored
                self._restart()
            if notifier:
                notifier.wait(seen, 5.0)
            else:
                self._stopped.wait(0.02)

    def _restart(self) -> None:
        with self._lock:
            if self._watch is not None:
                self._watch.close()
            self._open()
            for subscriber in self._subscribers:
                subscriber.fill(self._api)
