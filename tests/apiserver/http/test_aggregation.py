"""API groups that a Service serves: who is trusted, what is passed on, what is said when nobody answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.adapter import Adapter, api_service, lead_to, serving
from tests.support.cluster import TestCluster

GROUP = "/apis/things.example.com/v1"


def answer(path: str) -> Any:
    return None if path.endswith("/missing") else {"kind": "Thing", "path": path}


@pytest.fixture
def adapter(tmp_path: Path, live: TestCluster) -> Iterator[Adapter]:
    (tmp_path / "adapter").mkdir()
    with serving(tmp_path / "adapter", answer) as made:
        lead_to(live, made)
        yield made


def register(live: TestCluster, **spec: Any) -> None:
    live.client.create("apiservices", api_service("things.example.com", "v1", **spec))


@pytest.mark.parametrize("path", ["", "/namespaces/default/things/*/x?a=1&b=%20", "/things/one"])
def test_requests_go_there_as_they_came(live: TestCluster, http: httpx.Client, adapter: Adapter, path: str) -> None:
    register(live, caBundle=adapter.ca_bundle)
    found = http.get(GROUP + path, headers={"Authorization": "Bearer secret", "X-Remote-User": "somebody-else"})
    assert (found.status_code, found.json()["path"]) == (200, GROUP + path)
    seen = adapter.seen[-1][1]
    assert "authorization" not in seen and seen["x-remote-user"] not in ("", "somebody-else")


def test_the_command_line_and_controllers_ask_without_http(live: TestCluster, adapter: Adapter) -> None:
    register(live, insecureSkipTLSVerify=True)
    assert b'"path": "/apis/things.example.com/v1/x/y"' in live.client.raw(f"{GROUP}/x/y")
    assert GROUP in live.cli("get", "--raw", f"{GROUP}/things/a").out
    group = live.client.raw("/apis/things.example.com")
    assert b'"preferredVersion":{"groupVersion":"things.example.com/v1","version":"v1"}' in group.replace(b" ", b"")


@pytest.mark.parametrize(
    ("spec", "code", "words"),
    [
        ({}, 503, "certificate"),
        ({"caBundle": "bm9uc2Vuc2U="}, 503, "unable to load root certificates"),
        ({"service": {"name": "adapter", "namespace": "monitoring", "port": 8443}}, 503, "no service port 8443 found"),
        ({"service": {"name": "nobody", "namespace": "monitoring"}}, 404, 'services "nobody" not found'),
    ],
)
def test_refusals(
    live: TestCluster, http: httpx.Client, adapter: Adapter, spec: dict[str, Any], code: int, words: str
) -> None:
    register(live, **spec)
    found = http.get(f"{GROUP}/things")
    assert found.status_code == code and words in found.json()["message"]
    assert adapter.seen == []


def test_what_nobody_serves_is_not_found(live: TestCluster, http: httpx.Client, adapter: Adapter) -> None:
    assert http.get(f"{GROUP}/things").status_code == 404 and http.get(GROUP).status_code == 404
    register(live, caBundle=adapter.ca_bundle)
    assert http.get(f"{GROUP}/missing").json()["message"] == "unknown"
    assert http.get("/apis/things.example.com/v2/things").status_code == 404
