"""metrics.k8s.io over HTTP: answered from what the kubelets say, never from what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from minikctl.apiserver import metrics
from minikctl.controllers.metrics_registration import METRICS_API
from tests.support.cluster import TestCluster
from tests.support.http import serving

API = "/apis/metrics.k8s.io/v1beta1"
USAGE = {"cpu": "250000000n", "memory": "65536Ki"}
MEASURED = {
    "name": "web",
    "namespace": "default",
    "timestamp": "2026-01-01T00:00:00Z",
    "window": 15.0,
    "containers": [{"name": "app", "usage": USAGE}],
}


@pytest.fixture
def http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    cluster = TestCluster(tmp_path / "state", live=True)
    monkeypatch.setattr(metrics, "_ask", lambda _api, _node: [MEASURED])
    client = cluster.client
    client.create("nodes", {"metadata": {"name": "node-1"}})
    for name in ("web", "idle"):
        spec: dict[str, Any] = {"nodeName": "node-1", "containers": [{"name": "app", "image": "x"}]}
        client.create("pods", {"metadata": {"name": name, "labels": {"app": name}}, "spec": spec}, "default")
    client.create("apiservices", METRICS_API)
    with serving(cluster) as url, httpx.Client(base_url=url, trust_env=False) as made:
        yield made
    cluster.close()


def test_lists_hold_metrics_and_no_pods(http: httpx.Client) -> None:
    found = http.get(f"{API}/pods").json()
    assert found["kind"] == "PodMetricsList" and found["apiVersion"] == "metrics.k8s.io/v1beta1"
    (item,) = found["items"]
    assert item["kind"] == "PodMetrics" and item["containers"] == [{"name": "app", "usage": USAGE}]
    assert item["metadata"]["name"] == "web" and item["window"] == "15s"
    (node,) = http.get(f"{API}/nodes").json()["items"]
    assert node["kind"] == "NodeMetrics" and node["usage"] == USAGE


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("namespaces/default/pods", 1),
        ("namespaces/kube-system/pods", 0),
        ("pods?labelSelector=app%3Dweb", 1),
        ("pods?labelSelector=app%3Didle", 0),
        ("nodes?limit=1", 1),
    ],
)
def test_selections(http: httpx.Client, path: str, count: int) -> None:
    assert len(http.get(f"{API}/{path}").json()["items"]) == count


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "namespaces/default/pods/web", 200),
        ("GET", "namespaces/default/pods/idle", 404),
        ("GET", "nodes/node-1", 200),
        ("GET", "pods?watch=1", 405),
        ("DELETE", "namespaces/default/pods/web", 405),
        ("POST", "namespaces/default/pods", 405),
    ],
)
def test_one_object_and_what_there_is_no_verb_for(http: httpx.Client, method: str, path: str, code: int) -> None:
    assert http.request(method, f"{API}/{path}", json=None if method == "GET" else {}).status_code == code


def test_as_kubectl_asks_and_as_a_table(http: httpx.Client) -> None:
    asked = http.get(f"{API}/pods", headers={"accept": "application/vnd.kubernetes.protobuf, */*"})
    assert asked.status_code == 200 and asked.json()["kind"] == "PodMetricsList"
    table = http.get(f"{API}/pods", headers={"accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}).json()
    assert table["rows"][0]["cells"] == ["web", "250m", "64Mi", "15s"]


def test_discovery(http: httpx.Client) -> None:
    assert {r["name"] for r in http.get(API).json()["resources"]} == {"pods", "nodes"}
