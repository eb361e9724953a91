"""`events`, `cluster-info` and its dump."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from minikctl.util.clock import FakeClock
from tests.support.cluster import TestCluster

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def event(name: str, minute: int, **fields: Any) -> dict[str, Any]:
    at = f"2026-11-21T11:{minute:02}:00Z"
    about = {"kind": "Pod", "apiVersion": "v1", "name": "web", "namespace": "default"}
    times = {"firstTimestamp": at, "lastTimestamp": at, "count": 1}
    head = {"metadata": {"name": name, "namespace": "default"}, "involvedObject": about, "source": {"component": "t"}}
    return {**head, **times, "type": "Normal", "reason": "Done", "message": f"about {name}\n", **fields}


@pytest.fixture
def seeded(tmp_path: Path) -> Any:
    cluster = TestCluster(tmp_path / "state", clock=FakeClock(NOW))
    again = {"firstTimestamp": "2026-11-21T11:20:00Z", "lastTimestamp": "2026-11-21T11:58:00Z", "count": 4}
    series = {"count": 7, "lastObservedTime": "2026-11-21T11:59:00.000000Z"}
    new = {"eventTime": "2026-11-21T11:30:00.000000Z", "firstTimestamp": None, "lastTimestamp": None, "count": None}
    node = {"kind": "Node", "apiVersion": "v1", "name": "node-1", "namespace": ""}
    for made in (
        event("late", 50),
        event("early", 10, type="Warning", involvedObject={**node, "namespace": "default"}),
        event("often", 20, **again),
        event("new", 30, **new, series=series, reportingComponent="x", reportingInstance="x", action="x"),
    ):
        cluster.client.create("events", made, "default")
    yield cluster
    cluster.close()


def test_events_are_in_order(seeded: TestCluster) -> None:
    assert seeded.cli("events").out == (
        "LAST SEEN           TYPE      REASON   OBJECT        MESSAGE\n"
        "50m                 Warning   Done     Node/node-1   about early\n"
        "10m                 Normal    Done     Pod/web       about late\n"
        "2m (x4 over 40m)    Normal    Done     Pod/web       about often\n"
        "60s (x7 over 30m)   Normal    Done     Pod/web       about new\n"
    )


@pytest.mark.parametrize(
    ("argv", "names"),
    [
        (["--types=warning"], ["early"]),
        (["--types=Warning,Normal"], ["early", "late", "often", "new"]),
        (["--for", "pod/web"], ["late", "often", "new"]),
        (["--for=no/node-1"], ["early"]),
        (["-A"], ["early", "late", "often", "new"]),
    ],
)
def test_which_events(seeded: TestCluster, argv: list[str], names: list[str]) -> None:
    assert seeded.cli("events", *argv, "-o", "name").out == "".join(f"event/{n}\n" for n in names)


def test_events_as_data(seeded: TestCluster) -> None:
    listed = json.loads(seeded.cli("events", "-o", "json").out)
    assert list(listed) == ["kind", "apiVersion", "metadata", "items"]
    assert (listed["kind"], listed["metadata"]) == ("EventList", {})
    assert list(listed["items"][0])[:3] == ["kind", "apiVersion", "metadata"]
    assert seeded.cli("events", "--no-headers", "--types=Warning").out.split()[0] == "50m"
    assert seeded.cli("events", "-A").out.startswith("NAMESPACE   LAST SEEN")


def test_no_events(cluster: TestCluster) -> None:
    assert cluster.cli("events").err == "No events found in default namespace.\n"
    assert cluster.cli("events", "-A").err == "No events found.\n"


def test_events_as_they_come(seeded: TestCluster) -> None:
    out = seeded.cli("events", "--watch", "--request-timeout=1ms").out
    assert out.splitlines()[0].startswith("LAST SEEN")
    assert sorted(re.findall(r"about (\w+)", out)) == ["early", "late", "new", "often"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--types=odd"], "valid --types are Normal or Warning"),
        (["--for", "web"], "--for must be in resource/name form"),
        (["--for", "pod/web/x"], "arguments in resource/name form may not have more than one slash"),
        (["--for", "fruit/web"], "no matches for /, Resource=fruit"),
    ],
)
def test_events_refused(cluster: TestCluster, argv: list[str], message: str) -> None:
    got = cluster.cli("events", *argv)
    assert (got.code, got.out, got.err) == (1, "", f"error: {message}\n")


# ---------------------------------------------------------------------- cluster-info


def test_cluster_info(cluster: TestCluster) -> None:
    labels = {"kubernetes.io/cluster-service": "true"}

    def service(name: str, port: dict[str, Any], **more: str) -> None:
        body = {"metadata": {"name": name, "labels": {**labels, **more}}, "spec": {"ports": [port]}}
        cluster.client.create("services", body, "kube-system")

    service("kube-dns", {"name": "dns", "port": 53}, **{"kubernetes.io/name": "CoreDNS"})
    service("metrics", {"port": 443})
    service("plain", {"port": 80})
    got = cluster.cli("cluster-info", "--server=https://here:1")
    assert got.out == (
        "Kubernetes control plane is running at https://here:1\n"
        "CoreDNS is running at https://here:1/api/v1/namespaces/kube-system/services/kube-dns:dns/proxy\n"
        "metrics is running at https://here:1/api/v1/namespaces/kube-system/services/https:metrics:/proxy\n"
        "plain is running at https://here:1/api/v1/namespaces/kube-system/services/plain/proxy\n\n"
        "To further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.\n"
    )


def test_dump(cluster: TestCluster, tmp_path: Path) -> None:
    spec = {"containers": [{"name": "app", "image": "nginx"}]}
    cluster.client.create("pods", {"metadata": {"name": "web"}, "spec": spec}, "default")
    out = cluster.cli("cluster-info", "dump").out
    decoder, kinds, text = json.JSONDecoder(), [], out.partition("==== START")[0]
    while text.strip():
        document, end = decoder.raw_decode(text.lstrip())
        kinds.append(document["kind"])
        text = text.lstrip()[end:]
    one = [
        f"{k}List"
        for k in ("Event", "ReplicationController", "Service", "DaemonSet", "Deployment", "ReplicaSet", "Pod")
    ]
    assert kinds == ["NodeList", *one, *one]
    assert "==== START logs for container app of pod default/web ====\n" in out
    got = cluster.cli("cluster-info", "dump", "-A", "-o", "yaml", "--output-directory", "dump", cwd=tmp_path)
    assert got.out == "Cluster info dumped to dump\n"
    files = {str(p.relative_to(tmp_path / "dump")) for p in (tmp_path / "dump").rglob("*.*")}
    assert {
        "nodes.yaml",
        "default/pods.yaml",
        "default/web/logs.txt",
        "kube-system/replication-controllers.yaml",
    } <= files
    listed = json.loads(cluster.cli("cluster-info", "dump", "--namespaces=default").out.partition("}\n{")[0] + "}")
    assert list(listed) == ["kind", "apiVersion", "metadata", "items"]
