"""Events: counted when they repeat, held back when they flood."""

from __future__ import annotations

from minikctl.client import reacting_to
from minikctl.client.events import EventRecorder
from minikctl.store import Watch
from tests.support.cluster import TestCluster


def test_the_same_thing_again_is_counted(cluster: TestCluster) -> None:
    obj = cluster.client.create("cm", {"metadata": {"name": "x"}}, "default")
    recorder = EventRecorder(cluster.client.for_actor("kubelet/node-1"), "kubelet", host="node-1", clock=cluster.clock)
    for _ in range(3):
        recorder.warning(obj, "BackOff", "Back-off restarting failed container", field_path="spec.containers{web}")
    recorder.normal(obj, "Pulled", "Container image is present")
    assert recorder.flush()
    events = cluster.client.list("events", "default")["items"]
    assert sorted((e["reason"], e["count"], e["type"]) for e in events) == [
        ("BackOff", 3, "Warning"),
        ("Pulled", 1, "Normal"),
    ]
    about = next(e for e in events if e["reason"] == "BackOff")
    assert about["involvedObject"]["name"] == "x" and about["involvedObject"]["fieldPath"] == "spec.containers{web}"
    assert about["source"] == {"component": "kubelet", "host": "node-1"}
    recorder.stop()


def test_an_event_names_its_cause(cluster: TestCluster) -> None:
    obj = cluster.client.create("cm", {"metadata": {"name": "x"}}, "default")
    recorder = EventRecorder(cluster.client.for_actor("some-controller"), "some-controller", clock=cluster.clock)
    rv = int(obj["metadata"]["resourceVersion"])
    with reacting_to(rv):
        recorder.normal(obj, "Did", "something")
    recorder.stop()
    last = Watch(cluster.store, 0).poll()[-1]
    assert (last.actor, last.because, last.object["reason"]) == ("some-controller", rv, "Did")


def test_a_flood_is_held_back(cluster: TestCluster) -> None:
    obj = cluster.client.create("cm", {"metadata": {"name": "x"}}, "default")
    recorder = EventRecorder(cluster.client, "noisy", clock=cluster.clock)
    for i in range(100):
        recorder.normal(obj, "Noise", f"number {i}")
    assert recorder.flush()
    assert len(cluster.client.list("events", "default")["items"]) == 25
    recorder.stop()


def test_a_recorder_never_fails_the_work(cluster: TestCluster) -> None:
    recorder = EventRecorder(cluster.client, "late", clock=cluster.clock)
    recorder.normal(
        {"kind": "Pod", "metadata": {"name": "x", "namespace": "gone"}}, "Killing", "in a namespace that is no more"
    )
    assert recorder.flush()
    recorder.stop()
