"""Keeps a sink current: list, watch, and list again when the watch cannot go on. Source: client-go `tools/cache`."""

from __future__ import annotations

import logging
import random
import threading
from typing import TYPE_CHECKING

from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.watch import BOOKMARK, Sink, Stop
from minikctl.client.http.transport import Query, StreamAnswer
from minikctl.util.errors import Unreachable
from minikctl.util.jsonio import JSONError, loads

if TYPE_CHECKING:
    from minikctl.client.http.client import HttpClient

log = logging.getLogger("reflector")
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
"""Seconds between attempts: they double, with some chance in them."""
LONGEST_WATCH = (300, 600)


class Reflector:
    """One kind, one namespace, one selection; a thread of its own."""

    def __init__(self, client: HttpClient, kind: Kind, namespace: str, query: Query, sink: Sink):
        self._client, self._kind, self._namespace, self._query, self._sink = client, kind, namespace, query, sink
        self._stopped = threading.Event()
        self._answer: StreamAnswer | None = None
        self._version = ""

    def start(self) -> Stop:
        threading.Thread(target=self._run, name=f"reflector {self._kind.resource}", daemon=True).start()
        return self.stop

    def stop(self) -> None:
        self._stopped.set()
        answer = self._answer
        if answer is not None:
            answer.close()

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopped.is_set():
            try:
                if not self._version:
                    self._list()
                self._watch()
                pause = FIRST_PAUSE
            except ApiError as e:
                if e.code == 410 or e.reason in ("Expired", "Gone"):
                    self._version = ""
                    continue
                log.warning("%s: %s", self._kind.resource, e)
            except Unreachable as e:
                log.warning("%s: %s", self._kind.resource, e)
            self._stopped.wait(pause * random.uniform(1.0, 2.0))
            pause = min(pause * 2, LONGEST_PAUSE)

    def _list(self) -> None:
        selectors = dict(self._query)
        found = self._client.list(
            self._kind,
            self._namespace,
            label_selector=selectors.get("labelSelector", ""),
            field_selector=selectors.get("fieldSelector", ""),
        )
        self._sink.replace(found["items"])
        self._version = found["metadata"]["resourceVersion"]

    def _watch(self) -> None:
        from minikctl.client.http.client import path_of

        seconds = str(random.randint(*LONGEST_WATCH))
        more = [("watch", "true"), ("allowWatchBookmarks", "true"), ("timeoutSeconds", seconds)]
        query = [*self._query, *more, ("resourceVersion", self._version)]
        self._answer = answer = self._client.open_stream(path_of(self._kind, self._namespace), query)
        if self._stopped.is_set():
            answer.close()
        for line in answer.lines():
            try:
                event = loads(line)
            except JSONError:
                return
            obj = event["object"]
            if event["type"] == "ERROR":
                raise ApiError.from_status(obj)
            if event["type"] != BOOKMARK:
                self._sink.apply(event["type"], obj)
            self._version = obj["metadata"]["resourceVersion"]
