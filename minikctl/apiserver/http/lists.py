"""Lists: resourceVersion semantics, pages with a consistent snapshot, assembled from encoded objects.

Source: Kubernetes "API concepts", sections "Resource versions" and "Retrieving large results sets in chunks".
"""

from __future__ import annotations

import base64
import time
from collections import OrderedDict
from dataclasses import dataclass

from minikctl.api.errors import bad_request, gone
from minikctl.api.meta import Obj
from minikctl.apiserver.cache import Item, WatchCache
from minikctl.apiserver.http import list_options
from minikctl.apiserver.watching import Selection
from minikctl.util.jsonio import JSONError, compact, loads

SNAPSHOT_SECONDS = 300.0
SNAPSHOTS = 64
EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


@dataclass(slots=True)
class Page:
    """A list or a part of it: items with their keys, and the list's metadata."""

    items: list[tuple[str, Item]]
    metadata: Obj


@dataclass(frozen=True, slots=True)
class Wanted:
    """The query of a list."""

    limit: int = 0
    token: str = ""
    resource_version: str = ""
    match: str = ""

    @classmethod
    def of(cls, query: dict[str, str]) -> Wanted:
        """Raises ApiError BadRequest, Invalid for combinations that make no sense."""
        list_options.check_list(query)
        return cls(
            max(list_options.number(query, "limit"), 0),
            query.get("continue", ""),
            query.get("resourceVersion", ""),
            query.get(list_options.MATCH, ""),
        )


class Lister:
    """Answers lists from the watch cache; remembers snapshots for those who read in pages.

    A continue token says when its first page was made: after five minutes it is too old, as after a compaction.
    """

    def __init__(self, cache: WatchCache):
        self._cache = cache
        self._snapshots: OrderedDict[tuple[str, str, int], tuple[float, list[tuple[str, Item]]]] = OrderedDict()

    def page(self, selection: Selection, wanted: Wanted) -> Page:
        """Raises ApiError: Expired (410) for snapshots that are gone, Timeout for versions that are yet to come."""
        if wanted.token:
            return self._continued(selection, wanted)
        items, rv, changed = self._cache.list(selection)
        asked = int(wanted.resource_version or 0)
        if asked > rv:
            raise list_options.too_large(asked, rv)
        exact = wanted.match == "Exact" or (asked and wanted.limit and not wanted.match)
        if exact and asked < rv:
            items, rv = self._exact(selection, items, asked, changed), asked
        return self._cut(selection, items, rv, wanted.limit)

    def _exact(
        self, selection: Selection, items: list[tuple[str, Item]], rv: int, changed: int
    ) -> list[tuple[str, Item]]:
        if rv >= changed:
            return items
        snapshot = self._snapshots.get(self._name(selection, rv))
        if snapshot is None:
            raise gone(f"The resourceVersion for the provided list is too old: {rv}")
        return snapshot[1]

    @staticmethod
    def _name(selection: Selection, rv: int) -> tuple[str, str, int]:
        what = f"{selection.kind.resource}/{selection.namespace}"
        return what, f"{selection.labels}|{selection.fields}", rv

    def _cut(
        self,
        selection: Selection,
        items: list[tuple[str, Item]],
        rv: int,
        limit: int,
        start: str = "",
        since: int = 0,
    ) -> Page:
        metadata: Obj = {"resourceVersion": str(rv)}
        rest = [i for i in items if i[0] > start] if start else items
        if not limit or len(rest) <= limit:
            return Page(rest, metadata)
        self._remember(self._name(selection, rv), items)
        metadata["continue"] = _token(rv, rest[limit - 1][0], since or int(time.time()))
        if not selection.labels and not selection.fields:
            metadata["remainingItemCount"] = len(rest) - limit
        return Page(rest[:limit], metadata)

    def _remember(self, name: tuple[str, str, int], items: list[tuple[str, Item]]) -> None:
        now = time.monotonic()
        self._snapshots[name] = (now, items)
        self._snapshots.move_to_end(name)
        while len(self._snapshots) > SNAPSHOTS or next(iter(self._snapshots.values()))[0] < now - SNAPSHOT_SECONDS:
            self._snapshots.popitem(last=False)

    def _continued(self, selection: Selection, wanted: Wanted) -> Page:
        rv, start, since = _parse_token(wanted.token)
        items, now, changed = self._cache.list(selection)
        if rv < 0:  # the client accepted an inconsistent rest
            return self._cut(selection, items, now, wanted.limit, start)
        if time.time() - since <= SNAPSHOT_SECONDS:
            snapshot = self._snapshots.get(self._name(selection, rv))
            if snapshot is not None:
                return self._cut(selection, snapshot[1], rv, wanted.limit, start, since)
            if changed <= rv:
                return self._cut(selection, items, rv, wanted.limit, start, since)
        error = gone(EXPIRED)
        error.metadata = {"continue": _token(-1, start, int(time.time()))}
        raise error


def _token(rv: int, start: str, since: int) -> str:
    """`since`: when the first page was made, seconds since 1970."""
    token = {"v": "meta.k8s.io/v1", "rv": rv, "start": start, "since": since}
    return base64.urlsafe_b64encode(compact(token)).decode().rstrip("=")


def _parse_token(text: str) -> tuple[int, str, int]:
    try:
        data = loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if data["v"] != "meta.k8s.io/v1":
            raise ValueError
        return int(data["rv"]), str(data["start"]), int(data.get("since", 0))
    except (JSONError, KeyError, TypeError, ValueError):
        raise bad_request("continue key is not valid: invalid continue token") from None
