"""API groups that a Service serves: who is trusted, what is passed on, what is said when nobody answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from minikctl.apiserver.auth import pki
from minikctl.apiserver.http import aggregator
from minikctl.apiserver.http.streaming import aggregation
from minikctl.apiserver.request import User
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


def test_the_front_proxy_vouches_for_who_asks(tmp_path: Path, live: TestCluster, http: httpx.Client) -> None:
    pki.front_proxy_certificate(live.root)
    with serving(tmp_path, answer, clients=pki.front_proxy_ca_pem(live.root).decode()) as adapter:
        lead_to(live, adapter)
        for spec in ({"caBundle": adapter.ca_bundle}, {"insecureSkipTLSVerify": True}):
            register(live, **spec)
            assert http.get(f"{GROUP}/things").status_code == 200
            live.client.delete("apiservices", "v1.things.example.com")


def test_how_who_asks_is_written() -> None:
    user = User("ann", ("a", "b"), "u1", {"example.com/key": ("x", "y")})
    assert list(aggregation._identity(user)) == [
        ("X-Remote-User", "ann"),
        ("X-Remote-Uid", "u1"),
        ("X-Remote-Group", "a"),
        ("X-Remote-Group", "b"),
        ("X-Remote-Extra-example.com%2Fkey", "x"),
        ("X-Remote-Extra-example.com%2Fkey", "y"),
    ]


# ---------------------------------------------------------------------- in our own documents

LEGACY = {
    "kind": "APIResourceList",
    "groupVersion": "things.example.com/v1",
    "resources": [
        {"name": "things", "singularName": "thing", "namespaced": True, "kind": "Thing", "verbs": ["get", "list"]},
        {"name": "things/status", "singularName": "", "namespaced": True, "kind": "Thing", "verbs": ["get"]},
    ],
}
MODERN = {
    "version": "v1",
    "resources": [
        {
            "resource": "things",
            "responseKind": {"group": "things.example.com", "version": "v1", "kind": "Thing"},
            "scope": "Namespaced",
            "singularResource": "thing",
            "verbs": ["get", "list"],
            "subresources": [
                {
                    "subresource": "status",
                    "responseKind": {"group": "things.example.com", "version": "v1", "kind": "Thing"},
                    "verbs": ["get"],
                }
            ],
        }
    ],
}
V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def speaking(documents: dict[str, Any]) -> Any:
    return lambda path: documents.get(path.partition("?")[0])


def entry_of(http: httpx.Client, group: str) -> Any:
    items = http.get("/apis", headers={"Accept": V2}).json()["items"]
    return next((i["versions"] for i in items if i["metadata"]["name"] == group), None)


@pytest.mark.parametrize(
    "documents",
    [
        {GROUP: LEGACY},
        {
            "/apis": {
                "kind": "APIGroupDiscoveryList",
                "items": [{"metadata": {"name": "things.example.com"}, "versions": [MODERN]}],
            }
        },
    ],
    ids=["resource list", "aggregated discovery"],
)
def test_discovery_has_what_services_serve(
    tmp_path: Path, live: TestCluster, http: httpx.Client, documents: dict[str, Any]
) -> None:
    with serving(tmp_path, speaking(documents)) as adapter:
        lead_to(live, adapter)
        register(live, caBundle=adapter.ca_bundle)
        assert entry_of(http, "things.example.com") == [{**MODERN, "freshness": "Current"}]
        asked = len(adapter.seen)
        assert entry_of(http, "things.example.com") and len(adapter.seen) == asked
        assert adapter.seen[0][1]["x-remote-user"] == "system:kube-aggregator"
        groups = http.get("/apis").json()["groups"]
        assert [g["preferredVersion"]["version"] for g in groups if g["name"] == "things.example.com"] == ["v1"]


def test_who_does_not_answer_is_listed_as_stale(tmp_path: Path, live: TestCluster, http: httpx.Client) -> None:
    with serving(tmp_path, speaking({GROUP: LEGACY})) as adapter:
        lead_to(live, adapter)
        register(live, caBundle=adapter.ca_bundle)
        assert entry_of(http, "things.example.com") == [{**MODERN, "freshness": "Current"}]
    live.client.patch(
        "apiservices", "v1.things.example.com", {"spec": {"versionPriority": 7}}, "application/merge-patch+json"
    )
    assert entry_of(http, "things.example.com") == [{**MODERN, "freshness": "Stale"}]
    live.client.create("apiservices", api_service("other.example.com", "v2"))
    assert entry_of(http, "other.example.com") == [{"version": "v2", "freshness": "Stale"}]
    live.client.delete("apiservices", "v1.things.example.com")
    assert entry_of(http, "things.example.com") is None


def test_openapi_has_what_services_serve(tmp_path: Path, live: TestCluster, http: httpx.Client) -> None:
    document = {"openapi": "3.0.0", "paths": {f"{GROUP}/things": {}}}
    swagger = {
        "paths": {f"{GROUP}/things": {"get": {"responses": {}}}, "/healthz": {}},
        "definitions": {"com.example.Thing": {"type": "object"}, "io.k8s.api.core.v1.Pod": {"type": "string"}},
    }
    index = {"paths": {GROUP[1:]: {"serverRelativeURL": f"/openapi/v3{GROUP}?hash=1"}, "version": {}, "api/v1": {}}}
    answers = {"/openapi/v3": index, f"/openapi/v3{GROUP}": document, "/openapi/v2": swagger}
    with serving(tmp_path, speaking(answers)) as adapter:
        lead_to(live, adapter)
        register(live, caBundle=adapter.ca_bundle)
        paths = http.get("/openapi/v3").json()["paths"]
        assert paths[GROUP[1:]] == index["paths"][GROUP[1:]]
        assert paths["api/v1"]["serverRelativeURL"] and "version" not in paths
        assert http.get(f"/openapi/v3{GROUP}?hash=1").json() == document
        assert http.get("/openapi/v3/apis/things.example.com/v9").status_code == 404
        whole = http.get("/openapi/v2").json()
        assert (
            whole["paths"][f"{GROUP}/things"] and "/healthz" not in whole["paths"] and "/api/v1/pods" in whole["paths"]
        )
        assert whole["definitions"]["com.example.Thing"] == {"type": "object"}
        assert whole["definitions"]["io.k8s.api.core.v1.Pod"]["type"] == "object"


def test_the_order_of_groups_and_versions() -> None:
    def group(name: str, *versions: str) -> Any:
        return {"metadata": {"name": name}, "versions": [{"version": v} for v in versions]}

    def spec(name: str, version: str, group_priority: int, priority: int) -> Any:
        claimed = {"groupPriorityMinimum": group_priority, "versionPriority": priority}
        return {"group": name, "version": version, **claimed}, {"version": version}

    ours = [group("apps", "v1"), group("a.example.com", "v1"), group("z.example.com", "v1")]
    found = [spec("low.io", "v1", 100, 1), spec("high.io", "v1", 2000, 1), spec("high.io", "v2", 2000, 9)]
    found += [spec("z.example.com", "v2", 10, 10), spec("z.example.com", "v1", 10, 10)]
    assert aggregator.merged(ours, found) == [
        group("apps", "v1"),
        group("high.io", "v2", "v1"),
        group("a.example.com", "v1"),
        group("z.example.com", "v1", "v2"),
        group("low.io", "v1"),
    ]
