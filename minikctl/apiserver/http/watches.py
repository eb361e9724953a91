"""Watches as streams of JSON lines, with bookmarks and initial events.

Source: Kubernetes "API concepts", "Efficient detection of changes"; KEP-956 (bookmarks), KEP-3157 (sendInitialEvents).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from minikctl.api.errors import ApiError, gone
from minikctl.api.meta import Obj
from minikctl.api.watch import BOOKMARK, ERROR
from minikctl.apiserver import table as tables
from minikctl.apiserver.cache import Item, WatchCache, Watcher
from minikctl.apiserver.http import list_options
from minikctl.apiserver.http.negotiation import Form
from minikctl.apiserver.watching import Selection
from minikctl.store import Compacted, FutureVersion
from minikctl.util.clock import Clock
from minikctl.util.jsonio import compact

BOOKMARK_SECONDS = 60.0
FAREWELL = 2.0
LONGEST = (1800.0, 3600.0)
INITIAL_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The query of a watch."""

    after: int | None
    """Begin after this version; None: with what there is, as ADDED."""
    bookmarks: bool
    initial: bool
    seconds: float
    from_now: bool = False
    """Neither a version nor what there is was asked for."""

    @classmethod
    def of(cls, query: dict[str, str]) -> Wanted:
        """Raises ApiError BadRequest, Invalid."""
        list_options.check_watch(query)
        version, initial = query.get("resourceVersion", ""), list_options.flag(query, "sendInitialEvents")
        nowhere = version in ("", "0")
        seconds = list_options.number(query, "timeoutSeconds")
        return cls(
            None if initial or nowhere else int(version),
            list_options.flag(query, "allowWatchBookmarks"),
            initial,
            float(seconds) if seconds > 0 else random.uniform(*LONGEST),
            nowhere and "sendInitialEvents" in query and not initial,
        )


class Encoder:
    """Events as the client wants them: whole objects, metadata only, or table rows."""

    def __init__(self, selection: Selection, form: Form, include: str, clock: Clock):
        self._kind, self._form, self._include, self._clock = selection.kind, form, include, clock
        self._plain = not form.shape and self._kind.shows_what_is_stored
        self._headed = False
        self.is_slow = selection.kind.is_shown_slowly

    def event(self, event_type: str, item: Item) -> bytes:
        if self._plain:
            return b'{"type":"%s","object":%s}\n' % (event_type.encode(), item.json)
        return self.line(event_type, self._shaped(self._kind.shown(item.object)))

    def bookmark(self, rv: int, *, initial_end: bool) -> bytes:
        metadata: Obj = {"resourceVersion": str(rv)}
        if initial_end:
            metadata["annotations"] = {INITIAL_END: "true"}
        obj: Obj = {"kind": self._kind.kind, "apiVersion": self._kind.api_version, "metadata": metadata}
        if self._form.shape == "Table":
            obj = {**self._table([]), "metadata": metadata}
        elif self._form.shape:
            obj |= {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
        return self.line(BOOKMARK, obj)

    @staticmethod
    def line(event_type: str, obj: Obj) -> bytes:
        return compact({"type": event_type, "object": obj}) + b"\n"

    def _shaped(self, obj: Obj) -> Obj:
        if self._form.shape == "Table":
            return self._table([obj])
        if self._form.shape:
            return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
        return obj

    def _table(self, objects: list[Obj]) -> Obj:
        """Column definitions are sent once, with the first event."""
        version = {"resourceVersion": objects[0]["metadata"]["resourceVersion"]} if objects else {}
        made: Obj = tables.table(self._kind, objects, self._clock.now(), version, self._include)
        if self._headed:
            made["columnDefinitions"] = None
        self._headed = True
        return made


def open_watch(cache: WatchCache, selection: Selection, wanted: Wanted, wake: Any) -> tuple[Watcher, Any, int]:
    """Raises ApiError: Expired (410), Timeout for versions that are yet to come."""
    after = wanted.after
    if wanted.from_now:
        with cache.hub.lock:
            after = cache.hub.catch_up()
    try:
        return cache.watch(selection, after, wake)
    except Compacted as e:
        raise gone(str(e)) from None
    except FutureVersion as e:
        raise list_options.too_large(e.asked, e.current) from None


def _next_bookmark(now: float, deadline: float) -> float:
    """Every minute, and shortly before the end, so that the next watch can begin where this one ended."""
    last = deadline - FAREWELL
    return min(now + BOOKMARK_SECONDS, last if last > now else deadline)


async def stream(cache: WatchCache, selection: Selection, wanted: Wanted, encoder: Encoder) -> AsyncIterator[bytes]:
    """The lines of a watch until its time is over. Opened before the first line is asked for: errors are a Status."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()

    def wake() -> None:
        loop.call_soon_threadsafe(ready.set)

    watcher, first, rv = open_watch(cache, selection, wanted, wake)

    async def lines() -> AsyncIterator[bytes]:
        seen = rv
        try:
            if first:
                yield await _encoded(encoder, first)
            if wanted.initial and wanted.bookmarks:
                yield encoder.bookmark(seen, initial_end=True)
            deadline = loop.time() + wanted.seconds
            mark = _next_bookmark(loop.time(), deadline) if wanted.bookmarks else deadline
            while (left := deadline - loop.time()) > 0:
                try:
                    await asyncio.wait_for(ready.wait(), max(min(left, mark - loop.time()), 0.001))
                except TimeoutError:
                    if wanted.bookmarks and mark <= loop.time() < deadline:
                        mark = _next_bookmark(loop.time(), deadline)
                        yield encoder.bookmark(max(seen, cache.hub.last_rv), initial_end=False)
                    continue
                ready.clear()
                batch = watcher.take()
                if batch:
                    seen = batch[-1][1].rv
                    yield await _encoded(encoder, batch)
                if watcher.expired:
                    yield encoder.line(ERROR, gone("too old resource version").status)
                    return
        except ApiError as e:  # a webhook could not convert
            yield encoder.line(ERROR, e.status)
        finally:
            cache.close(watcher)

    return lines()


async def _encoded(encoder: Encoder, events: list[tuple[str, Item]]) -> bytes:
    """Events as lines; made in a thread where a webhook may have to be asked."""

    def encoded() -> bytes:
        return b"".join(encoder.event(e, item) for e, item in events)

    return await asyncio.to_thread(encoded) if encoder.is_slow else encoded()
