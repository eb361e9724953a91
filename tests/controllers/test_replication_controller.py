"""ReplicationControllers: what differs from a ReplicaSet, and that the rest is the same."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.meta import Obj, Objects, controller_of, name
from minikctl.client import DeleteOptions
from minikctl.controllers.garbage_collector import GarbageCollector
from minikctl.controllers.replica_set import ReplicaSetController
from minikctl.controllers.replica_set import status as replica_status
from minikctl.controllers.replication_controller import ReplicationControllerController
from minikctl.controllers.replication_controller.controller import selector_of
from tests.controllers.conftest import MakePlane
from tests.controllers.objects import NOW, pod, replica_set, template
from tests.support.control_plane import ControlPlane

RC = "replicationcontrollers"


@pytest.fixture
def plane(plane_of: MakePlane) -> ControlPlane:
    return plane_of(ReplicationControllerController)


def rc(replicas: int | None = 2, **spec: Any) -> Obj:
    base: Obj = {"selector": {"app": "web"}, "template": template(app="web")}
    if replicas is not None:
        base["replicas"] = replicas
    return {"metadata": {"name": "web"}, "spec": base | spec}


def create(plane: ControlPlane, obj: Obj, kind: str = RC) -> Obj:
    return plane.cluster.client.create(kind, obj, "default")


def patch(plane: ControlPlane, change: Obj) -> None:
    plane.cluster.client.patch(RC, "web", change, "default")


def pods(plane: ControlPlane, selector: str = "") -> Objects:
    found: Objects = plane.cluster.client.list("pods", "default", label_selector=selector)["items"]
    return found


def status(plane: ControlPlane) -> Obj:
    found: Obj = plane.cluster.client.get(RC, "web", "default")["status"]
    return found


@pytest.mark.parametrize(
    ("selector", "labels", "matches"),
    [
        ({"app": "web"}, {"app": "web"}, True),
        ({"app": "web"}, {"app": "web", "tier": "front"}, True),
        ({"app": "web"}, {"app": "db"}, False),
        ({"app": "web"}, {}, False),
        ({"app": "web", "tier": "front"}, {"app": "web"}, False),
        ({"app": "web", "tier": "front"}, {"app": "web", "tier": "front"}, True),
        ({"app": ""}, {"app": ""}, True),
        ({"app": ""}, {}, False),
        ({}, {"app": "web"}, False),
        (None, {"app": "web"}, False),
    ],
)
def test_the_selector_is_a_set_of_labels(selector: Any, labels: dict[str, str], matches: bool) -> None:
    assert selector_of({"spec": {"selector": selector}}).matches(labels) is matches


@pytest.mark.parametrize(
    ("active", "expected"),
    [
        ([], {"replicas": 0}),
        ([pod("a", labels={"app": "web"})], {"replicas": 1, "fully": 1, "ready": 1, "available": 1}),
        ([pod("a", labels={"app": "web"}, ready=None)], {"replicas": 1, "fully": 1}),
        ([pod("a", labels={"other": "x"})], {"replicas": 1, "ready": 1, "available": 1}),
        ([pod("a", labels={"app": "web"}, ready=5)], {"replicas": 1, "fully": 1, "ready": 1}),
    ],
)
def test_the_status_has_no_terminating_replicas(active: Objects, expected: Obj) -> None:
    owner = rc(minReadySeconds=10)
    owner["metadata"]["generation"] = 4
    long = {"fully": "fullyLabeledReplicas", "ready": "readyReplicas", "available": "availableReplicas"}
    wanted = {long.get(k, k): v for k, v in expected.items()} | {"observedGeneration": 4}
    assert replica_status.calculate(owner, active, None, "", NOW) == wanted


@pytest.mark.parametrize(("before", "after"), [(0, 2), (1, 5), (5, 1), (3, 0), (None, 2), (2, 2)])
def test_scales(plane: ControlPlane, before: int | None, after: int) -> None:
    create(plane, rc(before))
    plane.settle()
    assert len(pods(plane)) == (1 if before is None else before)
    patch(plane, {"spec": {"replicas": after}})
    plane.settle()
    assert len(pods(plane)) == after == status(plane)["replicas"]
    assert "terminatingReplicas" not in status(plane)
    plane.assert_at_rest()


def test_its_pods_name_it_as_their_controller(plane: ControlPlane) -> None:
    create(plane, rc(1))
    plane.settle()
    ref = controller_of(pods(plane)[0])
    assert ref and (ref["apiVersion"], ref["kind"], ref["name"]) == ("v1", "ReplicationController", "web")
    assert pods(plane)[0]["metadata"]["generateName"] == "web-"


def test_selector_and_labels_come_from_the_template(plane: ControlPlane) -> None:
    obj = rc(2)
    del obj["spec"]["selector"]
    create(plane, obj)
    plane.settle()
    assert status(plane)["readyReplicas"] == 2


def test_a_deleted_pod_is_replaced(plane: ControlPlane) -> None:
    create(plane, rc(2))
    plane.settle()
    gone = name(pods(plane)[0])
    plane.cluster.client.delete("pods", gone, "default")
    plane.settle()
    assert len(pods(plane)) == 2 and gone not in map(name, pods(plane))
    plane.assert_at_rest()


def test_a_new_template_is_for_new_pods_only(plane: ControlPlane) -> None:
    create(plane, rc(2))
    plane.settle()
    patch(plane, {"spec": {"template": template("nginx:2", app="web")}})
    plane.settle()
    assert {p["spec"]["containers"][0]["image"] for p in pods(plane)} == {"nginx:1"}
    plane.cluster.client.delete("pods", name(pods(plane)[0]), "default")
    plane.settle()
    assert sorted(p["spec"]["containers"][0]["image"] for p in pods(plane)) == ["nginx:1", "nginx:2"]


def test_adopts_and_releases(plane: ControlPlane) -> None:
    orphan = {"metadata": {"name": "mine", "labels": {"app": "web"}}, "spec": template()["spec"]}
    create(plane, orphan, "pods")
    create(plane, rc(2))
    plane.settle()
    assert len(pods(plane)) == 2 and all(controller_of(p) for p in pods(plane))
    plane.cluster.client.patch("pods", "mine", {"metadata": {"labels": {"app": "debug"}}}, "default")
    plane.settle()
    assert len(pods(plane, "app=web")) == 2 and controller_of(pods(plane, "app=debug")[0]) is None
    plane.assert_at_rest()


def test_a_replica_set_with_the_same_selector_keeps_its_own(plane_of: MakePlane) -> None:
    plane = plane_of(ReplicationControllerController, ReplicaSetController)
    create(plane, rc(2))
    create(plane, replica_set(replicas=1), "replicasets.apps")
    plane.settle()
    kinds = sorted(str((controller_of(p) or {}).get("kind")) for p in pods(plane))
    assert kinds == ["ReplicaSet", "ReplicationController", "ReplicationController"]
    plane.assert_at_rest()


@pytest.mark.parametrize(("propagation", "left"), [("Background", 0), ("Foreground", 0), ("Orphan", 2)])
def test_deletion_takes_its_pods_along_unless_it_orphans_them(plane_of: MakePlane, propagation: str, left: int) -> None:
    plane = plane_of(ReplicationControllerController, GarbageCollector)
    create(plane, rc(2))
    plane.settle()
    plane.cluster.client.delete(RC, "web", "default", options=DeleteOptions(propagation=propagation))
    plane.settle()
    assert len(pods(plane)) == left
