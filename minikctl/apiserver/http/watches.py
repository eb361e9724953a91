"""Watches as streams of JSON lines, with bookmarks and initial events.

Source: Kubernetes "API concepts", "Efficient detection of changes"; KEP-956 (bookmarks), KEP-3157 (sendInitialEvents).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from minikctl.api.errors import ApiError, bad_request, gone
from minikctl.api.meta import Obj
from minikctl.api.watch import BOOKMARK, ERROR
from minikctl.apiserver import table as tables
from minikctl.apiserver.cache import Item, WatchCache, Watcher
from minikctl.apiserver.http.negotiation import Form
from minikctl.apiserver.watching import Selection
from minikctl.store import Compacted, FutureVersion
from minikctl.util.clock import Clock
from minikctl.util.jsonio import compact

BOOKMARK_SECONDS = 60.0
LONGEST = (1800.0, 3600.0)
INITIAL_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The query of a watch."""

    after: int | None
    bookmarks: bool
    initial: bool
    seconds: float

    @classmethod
    def of(cls, query: dict[str, str]) -> Wanted:
        """Raises ApiError BadRequest, Invalid."""

        def on(name: str) -> bool:
            return query.get(name, "").lower() in ("1", "true")

        version = query.get("resourceVersion", "")
        if version and not version.isdigit():
            raise bad_request(f"Invalid value: {version!r}: resourceVersion must be a number")
        initial = on("sendInitialEvents")
        if initial and query.get("resourceVersionMatch") != "NotOlderThan":
            why = "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            raise ApiError(422, "Invalid", f'ListOptions.meta.k8s.io "" is invalid: {why}')
        seconds = query.get("timeoutSeconds", "")
        after = None if initial or version in ("", "0") else int(version)
        return cls(
            after,
            on("allowWatchBookmarks"),
            initial,
            float(seconds) if seconds.isdigit() and int(seconds) else random.uniform(*LONGEST),
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
    try:
        return cache.watch(selection, wanted.after, wake)
    except Compacted as e:
        raise gone(str(e)) from None
    except FutureVersion as e:
        raise ApiError(
            504,
            "Timeout",
            str(e),
            {
                "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                "retryAfterSeconds": 1,
            },
        ) from None


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
            marked = loop.time()
            while (left := deadline - loop.time()) > 0:
                pause = min(left, marked + BOOKMARK_SECONDS - loop.time()) if wanted.bookmarks else left
                try:
                    await asyncio.wait_for(ready.wait(), max(pause, 0.001))
                except TimeoutError:
                    if wanted.bookmarks and loop.time() - marked >= BOOKMARK_SECONDS:
                        marked = loop.time()
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
