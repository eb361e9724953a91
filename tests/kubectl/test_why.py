"""`minikctl why`: the words for a decision."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from minikctl.api.meta import Obj
from minikctl.client.decisions import DecisionLog, last
from minikctl.kubectl.commands.why import lines
from tests.support.cluster import TestCluster

NOW = datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)
HEAD = {"time": "2026-01-01T00:00:00Z", "pod": "default/web", "uid": "u", "attempt": 2, "all": 4}


def pod(node: str = "", **spec: object) -> Obj:
    given = {**({"nodeName": node} if node else {}), **spec}
    return {"metadata": {"name": "web", "namespace": "default", "uid": "u"}, "spec": given}


def test_a_node_was_chosen() -> None:
    decision = {
        **HEAD,
        "node": "b",
        "fitting": 2,
        "nodes": ["b", "a"],
        "totals": [380, 290],
        "scores": {"NodeResourcesFit": [80, 90], "TaintToleration": [300, 200], "ImageLocality": [0, 0]},
        "rejected": {"c": ["NodeUnschedulable", "node(s) were unschedulable"]},
    }
    assert lines(pod("b"), decision, NOW) == [
        "Pod default/web was given b: the best of 2 nodes that fit, of 4 in all (30s ago, attempt 2).",
        "",
        "NODE   RESULT                                          TOTAL   FIT   TAINTTOLERATION",
        "b      chosen                                          380     80    300",
        "a      fits                                            290     90    200",
        "c      NodeUnschedulable: node(s) were unschedulable   -       -     -",
        "… and 1 nodes more, not looked at or not shown.",
    ]
    assert lines(pod("x"), decision, NOW)[1] == "It is on x now: somebody else has bound it."


def test_there_was_none() -> None:
    decision = {
        **HEAD,
        "all": 1,
        "message": "0/1 nodes …",
        "nominated": "a",
        "rejected": {"a": ["F", "Insufficient cpu"]},
    }
    assert lines(pod(), decision, NOW) == [
        "Pod default/web found no node (30s ago, attempt 2):",
        "  0/1 nodes …",
        "Pods of lower priority make room for it on a.",
        "",
        "NODE   RESULT                TOTAL",
        "a      F: Insufficient cpu   -",
    ]


WITHOUT = [
    (pod(schedulingGates=[{"name": "a"}, {"name": "b"}]), "is not tried before its scheduling gates are gone: a, b."),
    (pod("n"), "is on n. No decision of the scheduler's is kept: it was bound by others, or long ago."),
    (pod(schedulerName="mine"), "has not been looked at by its scheduler (mine) yet."),
]


@pytest.mark.parametrize(("given", "expected"), WITHOUT)
def test_nothing_is_kept(given: Obj, expected: str) -> None:
    assert lines(given, None, NOW) == [f"Pod default/web {expected}"]


def test_the_command(cluster: TestCluster) -> None:
    spec = {"containers": [{"name": "c", "image": "nginx"}]}
    made = cluster.client.create("pods", {"metadata": {"name": "web"}, "spec": spec}, "default")
    (cluster.root / "run").mkdir(exist_ok=True)
    log = DecisionLog(cluster.root)
    log.append({**HEAD, "uid": made["metadata"]["uid"], "message": "first"})
    log.append({**HEAD, "uid": "another", "message": "other"})
    log.append({**HEAD, "uid": made["metadata"]["uid"], "message": "second"})
    assert cluster.cli("why", "web").out.splitlines()[1] == "  second"
    assert json.loads(cluster.cli("why", "pod/web", "-o", "json").out)["message"] == "second"
    assert cluster.cli("why", "missing").err == 'Error from server (NotFound): pods "missing" not found\n'
    assert cluster.cli("why").code == 1 and cluster.cli("why", "ns/default").code == 1


def test_the_file_does_not_grow_for_ever(cluster: TestCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minikctl.client.decisions.MOST_BYTES", 1000)
    (cluster.root / "run").mkdir(exist_ok=True)
    log = DecisionLog(cluster.root)
    for i in range(100):
        log.append({"uid": f"u{i}", "message": "x" * 50})
    assert sum(f.stat().st_size for f in (cluster.root / "run").glob("decisions*")) <= 2000
    assert last(cluster.root, "u99") and last(cluster.root, "u85") and last(cluster.root, "u1") is None
