"""One reader of the journal a process: parses each record once and hands it to everybody who listens.

Guarantee to a listener: after `fill`, every later record below its prefix is offered once, in order, one at a time.
`fill` lists at a moment of its own, so the first records may be contained in the listing already: their
resourceVersions tell.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, key
from minikctl.api.watch import Sink, Stop
from minikctl.apiserver.registry import storage_prefix
from minikctl.apiserver.request import Context
from minikctl.apiserver.server import APIServer
from minikctl.apiserver.watching import Selection
from minikctl.store import Compacted, Record, StoreError, Watch
from minikctl.store.journal import key_of_line
from minikctl.util.jsonio import JSONError


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


@dataclass
class _Station:
    """Who listens below one prefix. Selections that ask for one value of a field are found by it: on a machine of many
    simulated nodes each kubelet follows the pods of its own node only."""

    everything: list[Listener] = field(default_factory=list)
    by_field: dict[str, tuple[Kind, dict[str, list[Listener]]]] = field(default_factory=dict)

    def add(self, listener: Listener) -> None:
        if isinstance(listener, _Reflector):
            exact = next(((f, wanted) for f, wanted, equal in listener.selection.fields.terms if equal), None)
            if exact is not None:
                kind = listener.selection.kind.stored
                _, by_value = self.by_field.setdefault(exact[0], (kind, {}))
                by_value.setdefault(exact[1], []).append(listener)
                return
        self.everything.append(listener)

    def concerned(self, record: Record) -> Iterator[Listener]:
        """Those to whom a record may mean something."""
        yield from self.everything
        for name, (kind, by_value) in self.by_field.items():
            values = {kind.fields_of(record.object).get(name, "")}
            if record.was:
                values |= {v for f, v in record.was.get("fields", {}).items() if f == name}
            for value in values:
                yield from by_value.get(value, ())


class _Routes:
    """Finds the stations of a record by the folders of its key, before the record is parsed."""

    def __init__(self, listeners: Iterable[Listener]):
        self._stations: dict[bytes, _Station] = {}
        for listener in listeners:
            self._stations.setdefault(listener.prefix.encode(), _Station()).add(listener)

    def of(self, record_key: bytes) -> list[_Station]:
        found, at = [], record_key.find(b"/")
        while at >= 0:
            station = self._stations.get(record_key[:at])
            if station is not None:
                found.append(station)
            at = record_key.find(b"/", at + 1)
        return found


class JournalHub:
    """Feeds all listeners of this process. Starts its thread with the first one. Thread-safe."""

    def __init__(self, api: APIServer):
        self._api = api
        self.lock = threading.RLock()
        """Held while records are delivered: who holds it sees no listener change."""
        self._listeners: list[Listener] = []
        self._routes: _Routes | None = None
        """From the listeners; None when these have changed."""
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
            self._routes = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="journal-hub", daemon=True)
                self._thread.start()

        def stop() -> None:
            with self.lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)
                    self._routes = None

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
        """Deliver what has come. Records that concern nobody are not even parsed."""
        assert self._watch is not None
        delivered = False
        for line in self._watch.lines():
            routes = self._routes = self._routes or _Routes(self._listeners)
            stations = routes.of(key_of_line(line))
            if stations:
                delivered = True
                self._deliver(line, stations)
        if delivered:
            for listener in self._listeners:
                listener.flush()

    def _deliver(self, line: bytes, stations: list[_Station]) -> None:
        try:
            record = Record.parse(line)
        except (JSONError, KeyError) as e:
            raise StoreError(f"a damaged record in the journal: {e}") from None
        for station in stations:
            for listener in station.concerned(record):
                listener.offer(record)

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
