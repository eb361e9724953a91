"""The journal's reader: who is told of what, and what is not even parsed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from minikctl.api.meta import Obj, name
from minikctl.api.selectors import FieldSelector
from minikctl.apiserver import hub as module
from minikctl.apiserver.watching import Selection
from minikctl.store import Record
from tests.support.cluster import TestCluster


class Sink:
    def __init__(self) -> None:
        self.told: list[str] = []

    def replace(self, objects: list[Obj]) -> None:
        self.told = [f"= {name(o)}" for o in objects]

    def apply(self, event_type: str, obj: Obj) -> None:
        self.told.append(f"{event_type} {name(obj)}")


class QuietHub(module.JournalHub):
    """Without a thread: delivers when it is asked to catch up."""

    def _run(self) -> None:
        return None


@pytest.fixture
def follow(cluster: TestCluster) -> Callable[..., tuple[QuietHub, list[Sink]]]:
    def make(*selections: dict[str, Any]) -> tuple[QuietHub, list[Sink]]:
        hub, sinks = QuietHub(cluster.api), []
        for each in selections:
            sinks.append(Sink())
            fields = FieldSelector(tuple((f, v, True) for f, v in each.get("fields", {}).items()))
            hub.subscribe(
                Selection(cluster.api.kind(each["kind"]), each.get("namespace", ""), fields=fields), sinks[-1]
            )
        return hub, sinks

    return make


def pod(named: str, node: str = "") -> Obj:
    spec = {"containers": [{"name": "c", "image": "nginx"}], **({"nodeName": node} if node else {})}
    return {"metadata": {"name": named}, "spec": spec}


def test_each_node_is_told_of_its_own_pods(cluster: TestCluster, follow: Any) -> None:
    on_node = [{"kind": "pods", "fields": {"spec.nodeName": f"node-{i}"}} for i in range(3)]
    hub, (none, one, two, all_, elsewhere) = follow(*on_node, {"kind": "pods"}, {"kind": "pods", "namespace": "other"})
    cluster.client.create("pods", pod("a", "node-1"), "default")
    cluster.client.create("pods", pod("b"), "default")
    binding = {"target": {"name": "node-2"}}
    cluster.client.create("pods", binding, "default", name="b", subresource="binding")
    hub.catch_up()
    cluster.client.patch("pods", "a", {"status": {"phase": "Running"}}, "default", subresource="status")
    hub.catch_up()
    assert (none.told, elsewhere.told) == ([], [])
    assert one.told == ["ADDED a", "MODIFIED a"] and two.told == ["ADDED b"]
    assert all_.told == ["ADDED a", "ADDED b", "MODIFIED b", "MODIFIED a"]


def test_who_leaves_a_selection_is_taken_away_from_it(cluster: TestCluster, follow: Any) -> None:
    cluster.client.create("pods", pod("a", "node-1"), "default")
    hub, (pending, running) = follow(*({"kind": "pods", "fields": {"status.phase": p}} for p in ("Pending", "Running")))
    assert pending.told == ["= a"] and running.told == []
    cluster.client.patch("pods", "a", {"status": {"phase": "Running"}}, "default", subresource="status")
    hub.catch_up()
    assert pending.told == ["= a", "DELETED a"] and running.told == ["ADDED a"]


def test_what_concerns_nobody_is_not_parsed(cluster: TestCluster, follow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hub, (sink,) = follow({"kind": "configmaps", "namespace": "default"})
    parsed: list[str] = []
    parse = Record.parse

    def noting(line: bytes) -> Record:
        record = parse(line)
        parsed.append(record.key)
        return record

    monkeypatch.setattr(module.Record, "parse", noting)
    cluster.client.create("pods", pod("a"), "default")
    cluster.client.create("configmaps", {"metadata": {"name": "c"}}, "default")
    cluster.client.create("configmaps", {"metadata": {"name": "d"}}, "kube-system")
    rv = hub.catch_up()
    assert sink.told == ["ADDED c"] and parsed == ["configmaps/default/c"] and rv == cluster.store.current_rv()


def test_who_has_stopped_listening_is_told_no_more(cluster: TestCluster) -> None:
    hub, sink = QuietHub(cluster.api), Sink()
    stop = hub.subscribe(Selection(cluster.api.kind("configmaps")), sink)
    cluster.client.create("configmaps", {"metadata": {"name": "c"}}, "default")
    hub.catch_up()
    stop()
    cluster.client.create("configmaps", {"metadata": {"name": "d"}}, "default")
    hub.catch_up()
    assert sink.told == ["ADDED c"]
