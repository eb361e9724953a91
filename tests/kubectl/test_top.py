"""`kubectl top`, on metrics that the test makes up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from minikctl.api.meta import Obj
from minikctl.apiserver import metrics
from minikctl.controllers.metrics_registration import METRICS_API
from tests.support.cluster import TestCluster


def measured(name: str, *usages: tuple[str, str], namespace: str = "default") -> Obj:
    containers = [{"name": f"c{i}", "usage": {"cpu": cpu, "memory": mem}} for i, (cpu, mem) in enumerate(usages)]
    stamp = "2026-01-01T00:00:00Z"
    return {"name": name, "namespace": namespace, "timestamp": stamp, "window": 15.0, "containers": containers}


ON_NODES: dict[str, list[Obj] | None] = {
    "node-1": [measured("web", ("250000000n", "65536Ki"), ("1n", "1024Ki")), measured("db", ("2", "1Gi"))],
    "node-2": [measured("other", ("5m", "10Mi"), namespace="kube-system")],
    "node-3": None,
}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    made = TestCluster(tmp_path / "state")
    made.client.create("apiservices", METRICS_API)
    status = {"capacity": {"cpu": "8", "memory": "8Gi"}, "allocatable": {"cpu": "4", "memory": "4Gi"}}
    for node, pods in ON_NODES.items():
        made.client.create("nodes", {"metadata": {"name": node, "labels": {"n": node[-1]}}, "status": status})
        for pod in pods or []:
            spec = {"nodeName": node, "containers": [{"name": c["name"], "image": "x"} for c in pod["containers"]]}
            if pod["namespace"] != "default":
                account = {"metadata": {"name": "default"}}
                made.client.create("serviceaccounts", account, pod["namespace"])
            meta = {"name": pod["name"], "labels": {"app": pod["name"]}}
            made.client.create("pods", {"metadata": meta, "spec": spec}, pod["namespace"])
    monkeypatch.setattr(metrics, "_ask", lambda _api, node: ON_NODES.get(node))
    yield made
    made.close()


PODS = """\
NAME   CPU(cores)   MEMORY(bytes)
db     2000m        1024Mi
web    251m         65Mi
"""
CONTAINERS = """\
POD   NAME   CPU(cores)   MEMORY(bytes)
web   c0     250m         64Mi
web   c1     1m           1Mi
"""
EVERYWHERE = """\
NAMESPACE     NAME    CPU(cores)   MEMORY(bytes)
default       db      2000m        1024Mi
default       web     251m         65Mi
kube-system   other   5m           10Mi
"""
SUM = """\
db    2000m      1024Mi
web   251m       65Mi
      ________   ________
      2251m      1089Mi
"""
NODES = """\
NAME     CPU(cores)   CPU(%)      MEMORY(bytes)   MEMORY(%)
node-1   2251m        56%         1089Mi          26%
node-2   5m           0%          10Mi            0%
node-3   <unknown>    <unknown>   <unknown>       <unknown>
"""
BY_CAPACITY = """\
node-1   2251m   28%   1089Mi   13%
"""


@pytest.mark.parametrize(
    ("argv", "out"),
    [
        (["pods"], PODS),
        (["pod", "--sort-by=cpu"], PODS),
        (["po", "web", "--containers"], CONTAINERS),
        (["pods", "-l", "app=web", "--no-headers"], "web   251m   65Mi\n"),
        (["pods", "-A"], EVERYWHERE),
        (["pods", "--no-headers", "--sum"], SUM),
        (["nodes"], NODES),
        (["node", "node-1", "--no-headers", "--show-capacity"], BY_CAPACITY),
        (["no", "-l", "n=2", "--no-headers"], "node-2   5m    0%    10Mi   0%\n"),
    ],
)
def test_tables(cluster: TestCluster, argv: list[str], out: str) -> None:
    done = cluster.cli("top", *argv)
    shown = "".join(f"{line.rstrip()}\n" for line in done.out.splitlines())
    assert (shown, done.err, done.code) == (out, "", 0)
    assert all(line.endswith("   ") for line in done.out.splitlines())  # as kubectl's: each cell ends with a tab


@pytest.mark.parametrize(
    ("argv", "err"),
    [
        (["pods", "--sort-by=disk"], "error: --sort-by accepts only cpu or memory\n"),
        (["pods", "web", "-l", "a=b"], "error: only one of NAME or selector can be provided\n"),
        (["node", "node-1", "-l", "a=b"], "error: only one of NAME or --selector can be provided\n"),
        (["pod", "gone"], 'Error from server (NotFound): pods.metrics.k8s.io "default/gone" not found\n'),
        (["node", "node-3"], 'Error from server (NotFound): nodes.metrics.k8s.io "node-3" not found\n'),
        (["pods", "-n", "kube-public"], ""),
    ],
)
def test_what_cannot_be_shown(cluster: TestCluster, argv: list[str], err: str) -> None:
    done = cluster.cli("top", *argv)
    assert done.out in ("", PODS) if argv[-1] == "kube-public" else (done.out, done.err, done.code) == ("", err, 1)


def test_a_pod_that_has_no_metrics_yet(cluster: TestCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_ask", lambda _api, _node: [])
    assert cluster.cli("top", "pods").err == "error: metrics not available yet\n"


def test_the_api_itself(cluster: TestCluster) -> None:
    found = cluster.client.get("pods.metrics.k8s.io", "web", "default")
    assert found["apiVersion"] == "metrics.k8s.io/v1beta1" and found["window"] == "15s"
    assert found["metadata"]["labels"] == {"app": "web"}
    assert found["containers"][0] == {"name": "c0", "usage": {"cpu": "250000000n", "memory": "65536Ki"}}
    listed = cluster.client.list("nodes.metrics.k8s.io")
    assert [n["usage"]["cpu"] for n in listed["items"]] == ["2250000001n", "5000000n"]
    shown = cluster.cli("get", "pods.metrics.k8s.io")
    assert shown.out.splitlines()[0].split() == ["NAME", "CPU", "MEMORY", "WINDOW"]


def test_without_its_api_service_there_is_no_metrics_api(cluster: TestCluster) -> None:
    cluster.client.delete("apiservices", "v1beta1.metrics.k8s.io")
    for word in ("pods", "nodes"):
        done = cluster.cli("top", word)
        assert (done.code, done.err) == (1, "error: Metrics API not available\n")
    assert "metrics.k8s.io" not in cluster.cli("api-resources").out
