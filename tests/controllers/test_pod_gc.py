"""The pod garbage collector: which pods it removes, and when. Source: concept "Pod Lifecycle", "Garbage collection of Pods"."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from minikctl.api.meta import Obj, condition, find_condition, name
from minikctl.client import DeleteOptions
from minikctl.controllers.pod_gc import OUT_OF_SERVICE, PodGarbageCollector, failed, too_many
from tests.controllers.conftest import MakePlane
from tests.controllers.objects import NOW, pod, template
from tests.support.control_plane import ControlPlane
from tests.support.fake_kubelet import running_status

KEPT, FAILED, GONE = "kept", "failed", "gone"


@dataclass(frozen=True)
class Case:
    """A pod of node-1 ("" for a pod without a node), and what becomes of it after so many seconds."""

    words: str
    found: str
    node: str = "node-1"
    phase: str = "Running"
    deleted: bool = False
    lost: bool = True
    """Whether its node is taken out of the cluster."""
    back_after: float | None = None
    finalizer: bool = False
    after: float = 60


CASES = [
    Case("a running pod of a node that is there stays", KEPT, lost=False),
    Case("a pending pod of a node that is there stays", KEPT, phase="Pending", lost=False),
    Case("a failed pod of a node that is there stays", KEPT, phase="Failed", lost=False),
    Case("a succeeded pod of a node that is there stays", KEPT, phase="Succeeded", lost=False),
    Case("a pod being deleted on a node that is there is the kubelet's business", KEPT, deleted=True, lost=False),
    Case("a pod that waits for a node stays", KEPT, node="", phase="Pending", lost=False),
    Case("a pod that waits for a node does not care for one that is lost", KEPT, node="", phase="Pending"),
    Case("a running pod of a lost node goes after a while", GONE),
    Case("a pending pod of a lost node goes as well", GONE, phase="Pending"),
    Case("a failed pod of a lost node goes as well", GONE, phase="Failed"),
    Case("a succeeded pod of a lost node goes as well", GONE, phase="Succeeded"),
    Case("a pod being deleted on a lost node goes: no kubelet will confirm it", GONE, deleted=True),
    Case("forty seconds are given to the node", KEPT, after=39),
    Case("and no more", GONE, after=41),
    Case("a node that comes back in time keeps its pod", KEPT, back_after=20),
    Case("in the last moment, too", KEPT, back_after=39),
    Case("a node that comes back too late has lost it", GONE, back_after=45),
    Case("a running pod of a lost node with a finalizer is failed and waits", FAILED, finalizer=True),
    Case("a pending one, too", FAILED, phase="Pending", finalizer=True),
    Case("a succeeded one keeps its success", "succeeded", phase="Succeeded", finalizer=True),
    Case("a failed one is not failed again", FAILED, phase="Failed", finalizer=True),
    Case("a pod deleted before it had a node goes at once", GONE, node="", phase="Pending", deleted=True, after=0),
    Case("with a finalizer it is failed and waits", FAILED, node="", phase="Pending", deleted=True, finalizer=True, after=0),
    Case("whether or not a node is lost", FAILED, node="", phase="Pending", deleted=True, finalizer=True, lost=False, after=0),
]  # fmt: skip


def make(plane: ControlPlane, case: Case) -> None:
    client = plane.cluster.client
    spec = {**template()["spec"], **({"nodeName": case.node} if case.node else {})}
    metadata: Obj = {"name": "web", **({"finalizers": ["example.com/wait"]} if case.finalizer else {})}
    if case.deleted and not case.node and not case.finalizer:
        metadata["finalizers"] = ["example.com/a-moment"]  # else the server would not even keep it
    made = client.create("pods", {"metadata": metadata, "spec": spec}, "default")
    if case.phase != "Pending":
        status = running_status(made, "10.244.0.9", "2026-01-01T00:00:00Z", phase=case.phase)
        client.update("pods", {**made, "status": status}, subresource="status")
    if case.deleted:
        client.delete("pods", "web", "default", options=DeleteOptions(grace_period=30))
    if "example.com/a-moment" in metadata.get("finalizers", []):
        client.patch("pods", "web", {"metadata": {"finalizers": None}}, "default")


def left(plane: ControlPlane) -> str:
    found = [p for p in plane.cluster.client.list("pods", "default")["items"] if name(p) == "web"]
    if not found:
        return GONE
    if found[0]["metadata"].get("deletionTimestamp") and found[0]["metadata"].get("finalizers"):
        return str(found[0]["status"]["phase"]).lower()
    return KEPT


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.words)
def test_what_becomes_of_a_pod(plane_of: MakePlane, case: Case) -> None:
    plane = plane_of(PodGarbageCollector)
    plane.kubelet, client = None, plane.cluster.client
    make(plane, case)
    plane.settle()
    if case.lost:
        client.delete("nodes", "node-1")
    if case.back_after is not None:
        plane.settle(case.back_after)
        client.create("nodes", {"metadata": {"name": "node-1"}})
    plane.settle(case.after - (case.back_after or 0))
    assert left(plane) == case.found
    plane.assert_at_rest()


def test_another_nodes_pods_are_left_alone(plane_of: MakePlane) -> None:
    plane = plane_of(PodGarbageCollector)
    plane.kubelet, client = None, plane.cluster.client
    for number in (1, 2):
        spec = {**template()["spec"], "nodeName": f"node-{number}"}
        client.create("pods", {"metadata": {"name": f"on-{number}"}, "spec": spec}, "default")
    client.delete("nodes", "node-2")
    plane.settle(60)
    assert [name(p) for p in client.list("pods", "default")["items"]] == ["on-1"]


def test_a_pod_of_a_lost_node_says_why_it_failed() -> None:
    status = failed(pod("web", generation=3), "now")
    found = find_condition(status["conditions"], "DisruptionTarget")
    assert status["phase"] == "Failed" and found == {
        "type": "DisruptionTarget",
        "observedGeneration": 3,
        "status": "True",
        "lastTransitionTime": "now",
        "reason": "DeletionByPodGC",
        "message": "PodGC: node no longer exists",
    }


def test_a_pod_without_a_node_was_disrupted_by_nobody() -> None:
    status = failed(pod("web", node="", phase="Pending"), NOW.isoformat(), orphaned=False)
    assert status["phase"] == "Failed" and condition({"status": status}, "DisruptionTarget") is None


def ended(number: int, phase: str = "Succeeded", reason: str = "", day: int = 1) -> Obj:
    made = pod(f"p{number}", phase=phase)
    created = {**made["metadata"], "creationTimestamp": f"2026-01-{day:02}T00:00:00Z"}
    return {**made, "metadata": created, "status": {"phase": phase, **({"reason": reason} if reason else {})}}


@pytest.mark.parametrize(
    ("found", "most", "gone"),
    [
        ([ended(1), ended(2)], 2, []),
        ([ended(1), ended(2), ended(3)], 2, ["p1"]),
        ([ended(1, day=3), ended(2, day=2), ended(3, day=1)], 1, ["p3", "p2"]),
        ([ended(1), ended(2, "Failed", "Evicted", day=9), ended(3)], 2, ["p2"]),
        ([ended(1), ended(2, "Failed", "Evicted", day=9), ended(3)], 1, ["p2", "p1"]),
        ([ended(1), ended(2, "Running"), ended(3, "Pending"), ended(4, "Failed")], 1, ["p1"]),
    ],
)
def test_the_oldest_of_too_many_that_have_ended_go(found: list[Obj], most: int, gone: list[str]) -> None:
    assert [name(p) for p in too_many(found, most)] == gone


def test_pods_that_have_ended_are_counted(plane_of: MakePlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PodGarbageCollector, "most_ended", 2)
    plane = plane_of(PodGarbageCollector)
    plane.kubelet, client = None, plane.cluster.client

    def left_after(seconds: float) -> list[str]:
        plane.settle(seconds)
        return sorted(name(p) for p in client.list("pods", "default")["items"])

    for number in range(4):
        made = client.create("pods", {"metadata": {"name": f"p{number}"}, "spec": template()["spec"]}, "default")
        if number < 3:
            client.update("pods", {**made, "status": {"phase": "Succeeded"}}, subresource="status")
    assert left_after(10) == ["p0", "p1", "p2", "p3"]
    assert left_after(20) == ["p1", "p2", "p3"]
    plane.assert_at_rest()


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("tainted", [True, False])
@pytest.mark.parametrize("deleted", [True, False])
def test_a_node_out_of_service(plane_of: MakePlane, ready: bool, tainted: bool, deleted: bool) -> None:
    """Source: concept "Nodes", non-graceful node shutdown: its terminating pods are removed by force."""
    plane = plane_of(PodGarbageCollector)
    plane.kubelet, client = None, plane.cluster.client
    make(plane, Case("", "", deleted=deleted))
    node = client.get("nodes", "node-1")
    status = {"conditions": [{"type": "Ready", "status": str(ready)}]}
    client.update("nodes", {**node, "status": status}, subresource="status")
    if tainted:
        client.patch("nodes", "node-1", {"spec": {"taints": [{"key": OUT_OF_SERVICE, "effect": "NoExecute"}]}})
    plane.settle(5)
    assert left(plane) == (GONE if deleted and tainted and not ready else KEPT)
    plane.assert_at_rest()
