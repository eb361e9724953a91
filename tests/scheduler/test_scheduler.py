"""The loop against a real store, in this thread."""

from __future__ import annotations

import random

import pytest

from minikctl.api.meta import Obj, condition
from minikctl.client.informer import InformerFactory
from minikctl.scheduler.scheduler import Scheduler, node_events, with_unschedulable
from tests.scheduler.builders import node_object, pod_object
from tests.support.cluster import TestCluster
from tests.support.waiting import eventually


class Bench:
    """A scheduler whose news come from the journal and whose decisions are made when a test asks."""

    def __init__(self, cluster: TestCluster):
        self.client = cluster.client
        self.informers = InformerFactory(cluster.client)
        self.scheduler = Scheduler(self.client, self.informers, rng=random.Random(1), submit=lambda work: work())
        self.informers.start()

    def add_node(self, name: str = "node-1", **fields: object) -> Obj:
        made = self.client.create("nodes", _bare(node_object(name, **fields)))  # type: ignore[arg-type]
        status = node_object(name, **fields)["status"]  # type: ignore[arg-type]
        return self.client.patch("nodes", name, {"status": status}, subresource="status") if status else made

    def add_pod(self, name: str = "web", **spec: object) -> Obj:
        return self.client.create("pods", _bare(pod_object(name, **spec)), "default")  # type: ignore[arg-type]

    def pod(self, name: str = "web") -> Obj:
        return self.client.get("pods", name, "default")

    def node_of(self, name: str = "web") -> str:
        self.scheduler.drain()
        return str(self.pod(name)["spec"].get("nodeName", ""))

    def close(self) -> None:
        self.scheduler.stop()
        self.informers.stop()


def _bare(obj: Obj) -> Obj:
    meta = {k: v for k, v in obj["metadata"].items() if k not in ("uid", "resourceVersion")}
    return {k: v for k, v in obj.items() if k != "status"} | {"metadata": meta}


@pytest.fixture
def bench(cluster: TestCluster):  # type: ignore[no-untyped-def]
    made = Bench(cluster)
    yield made
    made.close()


def test_a_pod_gets_a_node_and_an_event(bench: Bench, cluster: TestCluster) -> None:
    bench.add_node()
    created = bench.add_pod()
    eventually(lambda: bench.node_of() == "node-1")
    assert (condition(bench.pod(), "PodScheduled") or {})["status"] == "True"
    bench.scheduler.recorder.flush()
    (event,) = cluster.client.list("events", "default")["items"]
    assert event["message"] == "Successfully assigned default/web to node-1"
    assert (event["reason"], event["type"]) == ("Scheduled", "Normal")
    assert event["source"]["component"] == "default-scheduler"
    records = [line for f in cluster.store.journal_dir.glob("*") for line in f.read_text().splitlines()]
    bound = [r for r in records if '"actor":"kube-scheduler"' in r and '"key":"pods/default/web"' in r]
    assert len(bound) == 1 and f'"because":{created["metadata"]["resourceVersion"]}' in bound[0]


def test_an_unschedulable_pod_says_why_and_goes_on_when_a_node_comes(bench: Bench, cluster: TestCluster) -> None:
    bench.add_node("node-1", unschedulable=True)
    bench.add_pod()
    eventually(lambda: bench.node_of() == "" and condition(bench.pod(), "PodScheduled") is not None)
    found = condition(bench.pod(), "PodScheduled") or {}
    assert (found["status"], found["reason"]) == ("False", "Unschedulable")
    assert found["message"].startswith("0/1 nodes are available: 1 node(s) were unschedulable. no new claims")
    bench.scheduler.recorder.flush()
    (event,) = cluster.client.list("events", "default")["items"]
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "FailedScheduling", found["message"])
    bench.add_node("node-2")
    eventually(lambda: bench.node_of() == "node-2")


def test_a_pod_waits_for_the_first_node(bench: Bench) -> None:
    bench.add_pod()
    eventually(lambda: bench.node_of() == "" and condition(bench.pod(), "PodScheduled") is not None)
    assert (condition(bench.pod(), "PodScheduled") or {})["message"] == "no nodes available to schedule pods"
    bench.add_node()
    eventually(lambda: bench.node_of() == "node-1")


def test_room_that_becomes_free_is_used(bench: Bench) -> None:
    bench.add_node(allocatable={"cpu": "1", "pods": "5"})
    bench.add_pod("a", requests={"cpu": "1"})
    eventually(lambda: bench.node_of("a") == "node-1")
    bench.add_pod("b", requests={"cpu": "1"})
    eventually(lambda: bench.node_of("b") == "" and condition(bench.pod("b"), "PodScheduled") is not None)
    bench.client.patch("pods", "a", {"status": {"phase": "Succeeded"}}, "default", subresource="status")
    eventually(lambda: bench.node_of("b") == "node-1")


def test_pods_of_other_schedulers_are_left_alone(bench: Bench) -> None:
    bench.add_node()
    bench.add_pod("other", schedulerName="mine")
    bench.add_pod("ours")
    eventually(lambda: bench.node_of("ours") == "node-1")
    assert bench.node_of("other") == ""


def test_a_failed_binding_gives_the_room_back(bench: Bench) -> None:
    from minikctl.api.errors import ApiError

    bench.add_node(allocatable={"cpu": "1", "pods": "5"})
    write, calls = bench.scheduler._write_binding, []

    def broken(pod: object, node: str) -> None:
        calls.append(node)
        if len(calls) == 1:
            raise ApiError(500, "InternalError", "no space left on the disk")
        write(pod, node)  # type: ignore[arg-type]

    bench.scheduler._write_binding = broken  # type: ignore[method-assign]
    bench.add_pod(requests={"cpu": "1"})
    eventually(lambda: bench.node_of() == "" and condition(bench.pod(), "PodScheduled") is not None)
    found = condition(bench.pod(), "PodScheduled") or {}
    assert (found["reason"], found["message"]) == ("SchedulerError", "binding rejected: no space left on the disk")
    assert bench.scheduler.cache.nodes[0].requested.get("cpu", 0) == 0
    eventually(lambda: bench.node_of() == "node-1")


@pytest.mark.parametrize(
    ("change", "events"),
    [
        ({}, []),
        ({"labels": {"zone": "a"}}, ["Node/UpdateLabel"]),
        ({"unschedulable": True}, ["Node/UpdateTaint"]),
        ({"allocatable": {"cpu": "8", "pods": "1"}}, ["Node/UpdateAllocatable"]),
    ],
)
def test_what_a_node_update_means(change: Obj, events: list[str]) -> None:
    assert node_events(node_object(), node_object(**change)) == events
    assert node_events(None, node_object()) == ["Node/Add"]


def test_the_condition_is_written_once() -> None:
    obj = pod_object()
    first = with_unschedulable(obj, "Unschedulable", "no", "2026-01-01T00:00:00Z")
    assert first is not None
    obj = {**obj, "status": {"conditions": first}}
    assert with_unschedulable(obj, "Unschedulable", "no", "2026-01-01T00:00:09Z") is None
    changed = with_unschedulable(obj, "Unschedulable", "still no", "2026-01-01T00:00:09Z")
    assert changed and changed[0]["lastTransitionTime"] == "2026-01-01T00:00:00Z"
