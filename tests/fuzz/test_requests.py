"""Whatever is sent to the HTTP API, it answers properly: never 500, never a traceback, nothing outside its folder.

`make fuzz` runs the same for as long as one likes: $MINIKCTL_FUZZ says how many requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings

from minikctl.api.errors import ApiError
from minikctl.apiserver.cache import WatchCache
from minikctl.apiserver.http.app import Application
from minikctl.apiserver.hub import JournalHub
from tests.fuzz.requests import Call, aimed, calls
from tests.support.cluster import TestCluster
from tests.support.http import Open
from tests.support.populated import OBJECTS

COUNT = int(os.environ.get("MINIKCTL_FUZZ") or 250)
PATIENCE = 10.0
STREAM_SECONDS = 0.01
"""For how long streams are listened to."""


class Served:
    """The application, called directly; what it logs about bugs is kept."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.cluster = TestCluster(folder / "state", live=True)
        self.fill()
        self.hub = JournalHub(self.cluster.api)
        self.app: Any = Application(self.cluster.api, WatchCache(self.cluster.api, self.hub), Open())
        self.loop = asyncio.new_event_loop()
        self.before = {p.name for p in folder.iterdir()}
        self.bugs: list[str] = []
        self._watcher = _Watcher(self.bugs)
        logging.getLogger("apiserver").addHandler(self._watcher)

    def fill(self) -> None:
        """One of everything, as far as it is not there."""
        for kind, namespace, obj in OBJECTS:
            with contextlib.suppress(ApiError):
                self.cluster.client.create(kind, obj, namespace)

    def close(self) -> None:
        logging.getLogger("apiserver").removeHandler(self._watcher)
        self.loop.close()
        self.hub.stop()
        self.cluster.close()

    def ask(self, call: Call) -> tuple[int, dict[str, str], bytes]:
        return self.loop.run_until_complete(asyncio.wait_for(self._ask(call), PATIENCE))

    async def _ask(self, call: Call) -> tuple[int, dict[str, str], bytes]:
        raw = quote(call.path, safe="/%:*")
        scope = {
            "type": "http",
            "method": call.method,
            "path": call.path,
            "raw_path": raw.encode(),
            "query_string": urlencode(call.query, errors="surrogatepass").encode(),
            "headers": [(k.encode(), v.encode()) for k, v in call.headers.items()],
        }
        sent = False
        status, headers, body = 0, {}, b""

        async def receive() -> Mapping[str, Any]:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": call.body}
            await asyncio.sleep(STREAM_SECONDS)
            return {"type": "http.disconnect"}

        async def send(message: Mapping[str, Any]) -> None:
            nonlocal status, headers, body
            if message["type"] == "http.response.start":
                assert not status, "two answers"
                status = message["status"]
                headers = {k.decode(): v.decode("latin-1") for k, v in message["headers"]}
            body += message.get("body", b"")

        await self.app(scope, receive, send)
        return status, headers, body


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(tmp_path_factory.mktemp("fuzz"))
    yield made
    made.close()


class _Watcher(logging.Handler):
    """Notes what the application logs as a bug of its own."""

    def __init__(self, bugs: list[str]):
        super().__init__(logging.ERROR)
        self._bugs = bugs

    def emit(self, record: logging.LogRecord) -> None:
        self._bugs.append(logging.Formatter().format(record))


def check(served: Served, call: Call) -> None:
    status, headers, body = served.ask(call)
    bugs, served.bugs[:] = list(served.bugs), []
    assert not bugs, bugs[0]
    assert 200 <= status < 600, status
    if status >= 400 and "json" in headers["content-type"] and call.method != "HEAD" and body:
        found = json.loads(body)
        assert (found["kind"], found["status"], found["code"]) == ("Status", "Failure", status)
        assert status != 500, found
    assert "Traceback" not in body.decode("utf-8", "replace")


LIMITS = settings(
    max_examples=COUNT,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    derandomize=COUNT <= 400,
)


@LIMITS
@given(call=calls())
def test_any_request_has_a_proper_answer(served: Served, call: Call) -> None:
    check(served, call)


@LIMITS
@given(call=aimed())
def test_objects_that_were_tampered_with(served: Served, call: Call) -> None:
    check(served, call)
    if call.method == "DELETE":
        served.fill()


def test_it_is_still_there_afterwards(served: Served) -> None:
    """Runs after the fuzzing in the same process: the server answers, and nothing lies beside its folder."""
    status, _, body = served.ask(
        Call("GET", "/api/v1/namespaces/default/configmaps", headers={"accept": "application/json"})
    )
    assert status == 200 and json.loads(body)["kind"] == "ConfigMapList"
    assert {p.name for p in served.folder.iterdir()} == served.before
    names = {p.name for p in (served.folder / "state").iterdir()}
    assert names <= {"registry", "journal", "lock", "run", "pki", "pods", "cluster.json", "kubeconfig"}
