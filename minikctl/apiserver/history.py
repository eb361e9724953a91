"""The causal story of an object, read from the journal: what was written to it and to everything connected with it.

Connected are, in the words of `role`:

    subject   the object itself
    owned     what it owns, directly or through others (owner references)
    effect    a write that names a connected write as its cause (`because`)
    event     an Event about the object or something it owns
    cause     a write that led to one of these, back to the person who began it

A change is `{"resourceVersion", "time", "type", "actor", "because", "role", "object", "before"}`: type is ADDED,
MODIFIED or DELETED; `because` is the resourceVersion of its cause, or null; `object` is the whole object after the
write, `before` the one before it (null when there was none, or when the journal no longer has it).

The last object of a name counts, deleted or not. What the journal has dropped is not told.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from minikctl.api.errors import not_found
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.apiserver.registry import storage_key
from minikctl.apiserver.server import APIServer
from minikctl.store import DELETED, Compacted, Watch
from minikctl.store.journal import Record, complete_lines, segment_name, segments

SUBJECT, OWNED, EFFECT, EVENT, CAUSE = "subject", "owned", "effect", "event", "cause"
_HEAD = re.compile(rb'\{"rv":(\d+),"time":"[^"]*","type":"(\w+)","key":"([^"]*)","actor":"[^"]*","because":(\d+|null),')
_UID = re.compile(rb'"uid":"([^"]+)"')
_HEARTBEATS = b"leases/"
NET_SECONDS = 0.05


class History:
    """One reading of the journal. `changes` gives what is there, `follow` what comes after it.

    Raises ApiError NotFound when neither the store nor the journal knows the object.
    """

    def __init__(self, api: APIServer, kind: Kind, namespace: str, name: str):
        self._api, self._store = api, api.store
        self._key = storage_key(kind, namespace, name).encode()
        self._lines: dict[int, bytes] = {}
        self._last_of_key: dict[bytes, int] = {}
        self._before: dict[int, int] = {}
        self._told: set[int] = set()
        self._read()
        present = api.registry.find(kind, namespace, name)
        if present is None and self._key not in self._last_of_key:
            raise not_found(kind.plural, kind.group, name)
        subject = present or self._record(self._last_of_key[self._key]).object
        self._subject = str(subject["metadata"].get("uid", ""))
        self._members = {self._subject}

    def changes(self) -> list[Obj]:
        """Every connected change, oldest first. Call it before `follow`."""
        found: dict[int, Obj] = {}
        for rv in sorted(self._lines):
            change = self._consider(rv)
            if change is not None:
                found[rv] = change
        for change in list(found.values()):
            for cause in self._causes(change, found):
                found[int(cause["resourceVersion"])] = cause
        self._told = set(found)
        return [found[rv] for rv in sorted(found)]

    def follow(self, deadline: float | None = None) -> Iterator[Obj]:
        """Connected changes as they happen, each after its causes; ends at the deadline (monotonic seconds)."""
        watch = Watch(self._store, max(self._lines, default=0), (), self._api.notifier)
        try:
            while deadline is None or time.monotonic() < deadline:
                for line in watch.lines():
                    rv = self._keep(line)
                    yield from self._news(rv) if rv else ()
                if self._api.notifier is not None:
                    self._api.notifier.wait(self._api.notifier.generation, NET_SECONDS)
                else:
                    time.sleep(NET_SECONDS)
        except Compacted:
            return
        finally:
            watch.close()

    # ------------------------------------------------------------------ the journal

    def _read(self) -> None:
        folder = self._store.journal_dir
        self._store.current_rv()  # finishes what a dead writer has left
        for first in segments(folder):
            try:
                data = (folder / segment_name(first)).read_bytes()
            except FileNotFoundError:
                continue  # dropped just now
            for line in complete_lines(data)[0]:
                self._keep(line)

    def _keep(self, line: bytes) -> int:
        head = _HEAD.match(line)
        if head is None:
            return 0
        rv, key = int(head[1]), head[3]
        self._lines[rv] = line
        if key in self._last_of_key:
            self._before[rv] = self._last_of_key[key]
        self._last_of_key[key] = rv
        return rv

    def _record(self, rv: int) -> Record:
        return Record.parse(self._lines[rv])

    # ------------------------------------------------------------------ what is connected

    def _consider(self, rv: int) -> Obj | None:
        """The change of this version if it is connected; whatever it owns is connected from then on."""
        line = self._lines[rv]
        head = _HEAD.match(line)
        assert head is not None
        key, because = head[3], head[4]
        named = {u.decode() for u in _UID.findall(line)} & self._members
        caused = because != b"null" and int(because) in self._told
        if not named and not caused:
            return None
        if key.startswith(_HEARTBEATS):
            return None
        record = self._record(rv)
        role = self._role(record, caused)
        if role is None:
            return None
        if role in (SUBJECT, OWNED):
            self._members.add(str(record.object["metadata"].get("uid", "")))
        self._told.add(rv)
        return self._change(record, role)

    def _role(self, record: Record, caused: bool) -> str | None:
        obj = record.object
        meta = obj.get("metadata", {})
        if meta.get("uid") == self._subject:
            return SUBJECT
        if obj.get("kind") == "Event" and "involvedObject" in obj:
            told = record.type != DELETED and obj["involvedObject"].get("uid") in self._members
            return EVENT if told else None
        owners = {r.get("uid") for r in meta.get("ownerReferences") or []}
        if meta.get("uid") in self._members or owners & self._members:
            return OWNED
        return EFFECT if caused else None

    def _causes(self, change: Obj, found: dict[int, Obj]) -> Iterator[Obj]:
        """The changes that led to this one and are not told yet."""
        because = change["because"]
        while because is not None:
            rv = int(because)
            if rv in found or rv not in self._lines:
                return
            cause = self._change(self._record(rv), CAUSE)
            found[rv] = cause
            yield cause
            because = cause["because"]

    def _news(self, rv: int) -> list[Obj]:
        change = self._consider(rv)
        if change is None:
            return []
        known: dict[int, Any] = dict.fromkeys(self._told - {rv})
        causes = list(self._causes(change, known))
        self._told |= set(known)
        return [*reversed(causes), change]

    def _change(self, record: Record, role: str) -> Obj:
        before = self._before.get(record.rv)
        last = self._record(before) if before is not None else None
        return {
            "resourceVersion": str(record.rv),
            "time": record.time,
            "type": record.type,
            "actor": record.actor,
            "because": None if record.because is None else str(record.because),
            "role": role,
            "object": record.object,
            "before": last.object if last is not None and last.type != DELETED else None,
        }
