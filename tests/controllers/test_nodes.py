"""Silent nodes, and pods that nobody serves."""

from __future__ import annotations

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, condition, name
from minikctl.client import DeleteOptions
from minikctl.controllers.node_lifecycle import NodeLifecycleController, unknown_conditions
from minikctl.controllers.pod_gc import PodGarbageCollector
from tests.controllers.conftest import MakePlane
from tests.controllers.objects import template
from tests.support.control_plane import ControlPlane

LEASES = "leases"


@pytest.fixture
def plane(plane_of: MakePlane) -> ControlPlane:
    return plane_of(NodeLifecycleController, PodGarbageCollector)


def renew(plane: ControlPlane, node: str = "node-1") -> None:
    stamp = plane.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {"holderIdentity": node, "leaseDurationSeconds": 40, "renewTime": stamp}
    client = plane.cluster.client
    try:
        client.patch(LEASES, node, {"spec": spec}, "kube-node-lease")
    except ApiError:
        client.create(LEASES, {"metadata": {"name": node}, "spec": spec}, "kube-node-lease")


def make_pod(plane: ControlPlane, name_: str = "web", node: str = "node-1", **metadata: object) -> Obj:
    spec = {**template()["spec"], **({"nodeName": node} if node else {})}
    return plane.cluster.client.create("pods", {"metadata": {"name": name_, **metadata}, "spec": spec}, "default")


def ready(plane: ControlPlane, kind: str = "nodes", name_: str = "node-1") -> tuple[str, str]:
    found = condition(plane.cluster.client.get(kind, name_, "default" if kind == "pods" else ""), "Ready") or {}
    return found.get("status", ""), found.get("reason", "")


def exists(plane: ControlPlane, name_: str = "web") -> bool:
    return name_ in [name(p) for p in plane.cluster.client.list("pods", "default")["items"]]


def reasons(plane: ControlPlane) -> list[str]:
    return sorted(e["reason"] for e in plane.cluster.client.list("events")["items"])


def test_a_renewed_lease_keeps_a_node_ready(plane: ControlPlane) -> None:
    for _ in range(12):
        renew(plane)
        plane.settle(10)
    assert ready(plane) == ("True", "KubeletReady")
    assert ready(plane, name_="node-2") == ("Unknown", "NodeStatusUnknown")


def test_a_silent_node_turns_unknown_after_forty_seconds_and_its_pods_are_not_ready(plane: ControlPlane) -> None:
    renew(plane)
    make_pod(plane)
    plane.settle()
    assert ready(plane, "pods", "web")[0] == "True"
    plane.kubelet = None
    plane.settle(39)
    assert ready(plane)[0] == "True"
    plane.settle(2)
    assert ready(plane) == ("Unknown", "NodeStatusUnknown") and ready(plane, "pods", "web")[0] == "False"
    node = plane.cluster.client.get("nodes", "node-1")
    found = {c["type"]: (c["status"], c["reason"], c["message"]) for c in node["status"]["conditions"]}
    assert found["Ready"] == ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
    assert found["DiskPressure"] == ("Unknown", "NodeStatusNeverUpdated", "Kubelet never posted node status.")
    assert reasons(plane) == ["NodeNotReady"] * 4  # three nodes and the pod
    before = plane.cluster.store.current_rv()
    plane.settle(300)
    assert plane.cluster.store.current_rv() == before
    plane.assert_at_rest()


def test_a_node_that_comes_back_is_left_alone_again(plane: ControlPlane) -> None:
    plane.settle(41)
    assert ready(plane)[0] == "Unknown"
    renew(plane)
    client = plane.cluster.client
    node = client.get("nodes", "node-1")
    fresh = {"conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]}
    client.update("nodes", {**node, "status": fresh}, subresource="status")
    plane.settle(20)
    assert ready(plane)[0] == "True"
    plane.settle(21)
    assert ready(plane)[0] == "Unknown"


def test_a_status_is_a_sign_of_life(plane: ControlPlane) -> None:
    renew(plane)
    plane.kubelet = None
    plane.settle(41)
    client = plane.cluster.client
    node = client.get("nodes", "node-1")
    assert ready(plane)[0] == "Unknown"
    stamp = plane.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    fresh = [
        {**c, "status": "True", "lastHeartbeatTime": stamp} if c["type"] == "Ready" else c
        for c in node["status"]["conditions"]
    ]
    client.update("nodes", {**node, "status": {**node["status"], "conditions": fresh}}, subresource="status")
    plane.settle(30)  # its lease is still as old as it was
    assert ready(plane)[0] == "True"


def test_unknown_conditions_replace_in_place() -> None:
    node: Obj = {"metadata": {"name": "n"}, "status": {"conditions": [{"type": "Other"}, {"type": "Ready"}]}}
    fresh = unknown_conditions(node, "now")
    assert fresh and [c["type"] for c in fresh["conditions"]] == [
        "Other",
        "Ready",
        "MemoryPressure",
        "DiskPressure",
        "PIDPressure",
    ]
    assert unknown_conditions({**node, "status": fresh}, "later") is None


# ---------------------------------------------------------------------- pods


def test_pods_of_a_node_that_is_gone_are_removed_after_a_while(plane: ControlPlane) -> None:
    make_pod(plane)
    plane.settle()
    plane.cluster.client.delete("nodes", "node-1")
    plane.settle(39)
    assert exists(plane)
    rv = plane.cluster.store.current_rv()
    plane.settle(2)
    assert not exists(plane)
    failed = [e.object for e in plane.cluster.client.watch("pods", resource_version=str(rv), timeout=0.1)]
    assert failed[0]["status"]["phase"] == "Failed"
    disrupted = condition(failed[0], "DisruptionTarget")
    assert disrupted and disrupted["reason"] == "DeletionByPodGC"
    assert disrupted["message"] == "PodGC: node no longer exists"


def test_a_node_that_comes_back_in_time_keeps_its_pods(plane: ControlPlane) -> None:
    make_pod(plane)
    plane.settle()
    plane.cluster.client.delete("nodes", "node-1")
    plane.settle(30)
    plane.cluster.client.create("nodes", {"metadata": {"name": "node-1"}})
    plane.settle(30)
    assert exists(plane)
    plane.cluster.client.delete("nodes", "node-1")
    plane.settle(30)
    assert exists(plane)
    plane.settle(20)
    assert not exists(plane)


def test_the_server_is_asked_before_anything_is_removed(plane: ControlPlane) -> None:
    make_pod(plane)
    plane.settle()
    collector = plane.controllers[1]
    collector.nodes._objects.pop("node-1")  # type: ignore[attr-defined]
    collector.queue.add("default/web")
    plane.settle(60)
    assert exists(plane)


def test_a_pod_that_never_had_a_node_is_deleted_at_once(plane: ControlPlane) -> None:
    plane.kubelet = None
    make_pod(plane, node="", finalizers=["example.com/wait"])
    plane.cluster.client.delete("pods", "web", "default", options=DeleteOptions(grace_period=30))
    plane.settle()
    assert exists(plane)
    status = plane.cluster.client.get("pods", "web", "default")["status"]  # no kubelet will ever say how it ended
    assert status["phase"] == "Failed" and condition({"status": status}, "DisruptionTarget") is None
    plane.assert_at_rest()
    plane.cluster.client.patch("pods", "web", {"metadata": {"finalizers": None}}, "default")
    plane.settle()
    assert not exists(plane)


def test_pods_of_living_nodes_are_nobodys_business_here(plane: ControlPlane) -> None:
    make_pod(plane)
    make_pod(plane, "waiting", node="")
    plane.settle(30)
    assert exists(plane) and exists(plane, "waiting")
    plane.assert_at_rest()
