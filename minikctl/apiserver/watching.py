"""From journal records to watch events: one kind, one namespace, one selection.

An object that a filtered watch has shown and that leaves the selection is reported as DELETED, one that enters it as
ADDED; the journal's `was` tells which it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.api.selectors import EVERYTHING, FieldSelector, Selector
from minikctl.api.watch import Event
from minikctl.store import ADDED, DELETED, MODIFIED, Record, Watch


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a kind a request is about. What it matches are stored objects, what it shows is in `kind`'s version."""

    kind: Kind
    namespace: str = ""
    labels: Selector = EVERYTHING
    fields: FieldSelector = FieldSelector()

    def matches(self, obj: Obj) -> bool:
        return self._in_namespace(obj) and self._matches_now(obj)

    def _in_namespace(self, obj: Obj) -> bool:
        return not self.namespace or obj["metadata"].get("namespace", "") == self.namespace

    def _matches_now(self, obj: Obj) -> bool:
        if self.labels and not self.labels.matches(obj["metadata"].get("labels") or {}):
            return False
        return not self.fields or self.fields.matches(self.kind.stored.fields_of(obj))

    def _matched_before(self, record: Record, now: bool) -> bool:
        if not record.was:
            return now
        metadata = record.object["metadata"]
        labels = record.was.get("labels", metadata.get("labels") or {})
        if not self.labels.matches(labels):
            return False
        if not self.fields:
            return True
        fields = self.kind.stored.fields_of(record.object) | record.was.get("fields", {})
        return self.fields.matches(fields)

    def event(self, record: Record) -> Event | None:
        """The event that a record of this kind means to the watcher, if any."""
        obj = record.object
        if not self._in_namespace(obj):
            return None
        now = self._matches_now(obj)
        if record.type != MODIFIED:
            return Event(record.type, self.kind.shown(obj)) if now else None
        before = self._matched_before(record, now)
        if now:
            return Event(MODIFIED if before else ADDED, self.kind.shown(obj))
        return Event(DELETED, self.kind.shown(obj)) if before else None


class WatchStream:
    """An open watch: first the events given, then what the journal brings."""

    def __init__(self, selection: Selection, journal: Watch, first: list[Event]):
        self.selection = selection
        self._journal = journal
        self._first = first

    @property
    def last_rv(self) -> int:
        """Everything up to this resourceVersion has been seen."""
        return self._journal.last_rv

    def next(self, timeout: float, stopped: Callable[[], bool] = lambda: False) -> list[Event]:
        """Events, waiting up to `timeout` seconds for them. Raises store.Compacted."""
        if self._first:
            first, self._first = self._first, []
            return first
        records = self._journal.next_batch(timeout, stopped)
        return [e for e in map(self.selection.event, records) if e is not None]

    def close(self) -> None:
        self._journal.close()
