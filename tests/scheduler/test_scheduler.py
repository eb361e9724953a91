"""The loop against a real store, in this thread."""

from __future__ import annotations

import pytest

from minikctl.api.meta import Obj, condition
from minikctl.client import DeleteOptions
from minikctl.client.decisions import last
from minikctl.scheduler.conditions import with_unschedulable
from minikctl.scheduler.scheduler import node_events
from tests.scheduler.bench import Bench
from tests.scheduler.builders import node_object, pod_object
from tests.support.cluster import TestCluster
from tests.support.waiting import eventually


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
    write, calls = bench.scheduler.binder.write, []

    def broken(pod: object, node: str) -> None:
        calls.append(node)
        if len(calls) == 1:
            raise ApiError(500, "InternalError", "no space left on the disk")
        write(pod, node)  # type: ignore[arg-type]

    bench.scheduler.binder.write = broken  # type: ignore[method-assign]
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


# ---------------------------------------------------------------------- preemption


def test_a_pod_of_lower_priority_makes_room(bench: Bench, cluster: TestCluster) -> None:
    bench.add_node(allocatable={"cpu": "1", "memory": "1Gi", "pods": "5"})
    bench.client.create("priorityclasses", {"metadata": {"name": "high"}, "value": 1000})
    bench.add_pod("low", requests={"cpu": "1"}, terminationGracePeriodSeconds=5)
    bench.goes_to("node-1", "low")
    bench.add_pod("high", requests={"cpu": "1"}, priorityClassName="high")
    eventually(lambda: bench.node_of("high") == "" and bench.pod("high")["status"].get("nominatedNodeName") == "node-1")
    victim = bench.pod("low")
    disrupted = condition(victim, "DisruptionTarget") or {}
    assert victim["metadata"]["deletionTimestamp"] and disrupted["reason"] == "PreemptionByScheduler"
    assert disrupted["message"] == "default-scheduler: preempting to accommodate a higher priority pod"
    bench.add_pod("thief", requests={"cpu": "1"})
    bench.scheduler.drain()
    bench.client.delete("pods", "low", "default", options=DeleteOptions(grace_period=0))
    bench.goes_to("node-1", "high")
    assert "preemption: 0/1 nodes are available: 1 No preemption victims found" in bench.refusal("thief")
    bench.scheduler.recorder.flush()
    events = {e["reason"]: e["message"] for e in cluster.client.list("events", "default")["items"]}
    assert events["Preempted"] == f"Preempted by pod {bench.pod('high')['metadata']['uid']} on node node-1"
    eventually(lambda: not bench.scheduler.drain() and not bench.scheduler.nominated)


def test_preemption_policy_never(bench: Bench) -> None:
    bench.add_node(allocatable={"cpu": "1", "memory": "1Gi", "pods": "5"})
    bench.client.create("priorityclasses", {"metadata": {"name": "calm"}, "value": 9, "preemptionPolicy": "Never"})
    bench.add_pod("low", requests={"cpu": "1"})
    bench.goes_to("node-1", "low")
    bench.add_pod("calm", requests={"cpu": "1"}, priorityClassName="calm")
    assert bench.refusal("calm") == (
        "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, "
        "preemption: not eligible due to preemptionPolicy=Never."
    )


# ---------------------------------------------------------------------- profiles


def test_profiles_come_from_a_config_map_and_a_wrong_one_changes_nothing(bench: Bench, cluster: TestCluster) -> None:
    bench.add_node()
    bench.add_pod("packed", schedulerName="packer")
    meta = {"name": "kube-scheduler"}
    text = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles: [{schedulerName: default-scheduler}, {schedulerName: packer}]
"""
    bench.client.create("configmaps", {"metadata": meta, "data": {"config.yaml": text}}, "kube-system")
    bench.goes_to("node-1", "packed")
    bench.client.patch("configmaps", "kube-scheduler", {"data": {"config.yaml": "kind: Other"}}, "kube-system")

    def refused() -> bool:
        bench.scheduler.drain()
        bench.scheduler.recorder.flush()
        events = cluster.client.list("events", "kube-system")["items"]
        return [e["reason"] for e in events] == ["InvalidConfiguration"]

    eventually(refused)
    bench.add_pod("another", schedulerName="packer")
    bench.goes_to("node-1", "another")


# ---------------------------------------------------------------------- what is kept


def test_the_last_decision_is_kept(bench: Bench, cluster: TestCluster) -> None:
    bench.add_node("node-1", unschedulable=True)
    bench.add_node("node-2")
    bench.add_node("node-3", allocatable={"cpu": "8", "memory": "8Gi", "pods": "9"})
    eventually(
        lambda: not bench.scheduler.drain() and sum(n.allowed_pods > 0 for n in bench.scheduler.cache.nodes) == 3
    )
    made = bench.add_pod(requests={"cpu": "1"})
    bench.goes_to("node-3")
    kept = last(cluster.root, made["metadata"]["uid"])
    assert kept and (kept["pod"], kept["node"], kept["nodes"]) == ("default/web", "node-3", ["node-3", "node-2"])
    assert kept["rejected"] == {"node-1": ["NodeUnschedulable", "node(s) were unschedulable"]}
    assert kept["totals"] == [sum(s[i] for s in kept["scores"].values()) for i in (0, 1)]
    assert last(cluster.root, "other") is None
