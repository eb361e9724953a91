"""The quota controller: first counts, what it gives back, and when it waits."""

from __future__ import annotations

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.controllers.replica_set import ReplicaSetController
from minikctl.controllers.resource_quota import RECOUNT_SECONDS, ResourceQuotaController
from tests.controllers.conftest import MakePlane
from tests.controllers.objects import replica_set
from tests.support.control_plane import ControlPlane


@pytest.fixture
def plane(plane_of: MakePlane) -> ControlPlane:
    return plane_of(ResourceQuotaController, ReplicaSetController)


def pod(name: str, cpu: str = "100m", **spec: object) -> Obj:
    asks = {"requests": {"cpu": cpu}}
    containers = [{"name": "main", "image": "nginx", "resources": asks}]
    return {"metadata": {"name": name}, "spec": {"containers": containers, **spec}}


def make(plane: ControlPlane, hard: Obj, name: str = "team", **spec: object) -> None:
    quota = {"metadata": {"name": name}, "spec": {"hard": hard, **spec}}
    plane.cluster.client.create("resourcequotas", quota, "default")
    plane.settle()


def status(plane: ControlPlane, name: str = "team") -> Obj:
    found: Obj = plane.cluster.client.get("resourcequotas", name, "default").get("status") or {}
    return found


def used(plane: ControlPlane, name: str = "team") -> Obj:
    found: Obj = status(plane, name)["used"]
    return found


def test_what_is_there_already_is_counted(plane: ControlPlane) -> None:
    for name in ("a", "b"):
        plane.cluster.client.create("pods", pod(name), "default")
    plane.cluster.client.create("serviceaccounts", {"metadata": {"name": "default"}}, "kube-system")
    plane.cluster.client.create("pods", pod("elsewhere"), "kube-system")
    plane.cluster.client.create("services", {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 1}]}}, "default")
    hard = {"pods": "1", "requests.cpu": "1", "services": "5", "secrets": "3", "count/replicasets.apps": "2"}
    make(plane, hard)
    assert status(plane) == {
        "hard": hard,
        "used": {"count/replicasets.apps": "0", "pods": "2", "requests.cpu": "200m", "secrets": "0", "services": "1"},
    }
    plane.assert_at_rest()


def test_deleted_and_ended_pods_are_taken_off(plane: ControlPlane) -> None:
    make(plane, {"pods": "5", "count/pods": "5", "requests.cpu": "1"})
    for name in ("a", "b", "c"):
        plane.cluster.client.create("pods", pod(name), "default")
    plane.settle(RECOUNT_SECONDS)
    assert used(plane) == {"count/pods": "3", "pods": "3", "requests.cpu": "300m"}
    done = plane.cluster.client.get("pods", "a", "default")
    plane.cluster.client.update(
        "pods", {**done, "status": {**done["status"], "phase": "Succeeded"}}, subresource="status"
    )
    plane.cluster.client.delete("pods", "b", "default")
    plane.settle(RECOUNT_SECONDS)
    assert used(plane) == {"count/pods": "2", "pods": "1", "requests.cpu": "100m"}
    plane.assert_at_rest()


def test_another_hard_limit_shows_at_once(plane: ControlPlane) -> None:
    make(plane, {"pods": "5"})
    plane.cluster.client.patch("resourcequotas", "team", {"spec": {"hard": {"pods": None, "secrets": "2"}}}, "default")
    plane.settle()
    assert status(plane) == {"hard": {"secrets": "2"}, "used": {"secrets": "0"}}


def test_a_charge_for_what_was_not_stored_does_not_stay(plane: ControlPlane) -> None:
    make(plane, {"configmaps": "5"})
    plane.cluster.client.create("configmaps", {"metadata": {"name": "a"}}, "default")
    with pytest.raises(ApiError, match="already exists"):
        plane.cluster.client.create("configmaps", {"metadata": {"name": "a"}}, "default")
    assert used(plane) == {"configmaps": "2"}
    plane.settle(RECOUNT_SECONDS)
    assert used(plane) == {"configmaps": "1"}


def test_a_usage_is_not_lowered_right_after_a_charge(plane: ControlPlane) -> None:
    make(plane, {"configmaps": "5"})
    quota = plane.cluster.client.get("resourcequotas", "team", "default")
    charged = {**quota, "status": {**quota["status"], "used": {"configmaps": "1"}}}
    plane.cluster.client.update("resourcequotas", charged, subresource="status")
    plane.hub.pump()
    [controller] = [c for c in plane.controllers if isinstance(c, ResourceQuotaController)]
    controller.enqueue(charged)
    plane.turn()
    assert used(plane) == {"configmaps": "1"}
    plane.settle(RECOUNT_SECONDS)
    assert used(plane) == {"configmaps": "0"}


def test_resources_that_nobody_serves_keep_out_of_the_way(plane: ControlPlane) -> None:
    make(plane, {"count/widgets.example.com": "1", "count/po": "1", "pods": "1"})
    assert used(plane) == {"pods": "0"}
    plane.assert_at_rest()


def test_scopes(plane: ControlPlane) -> None:
    plane.cluster.client.create("pods", pod("short", activeDeadlineSeconds=60), "default")
    plane.cluster.client.create("pods", pod("long"), "default")
    make(plane, {"pods": "5"}, "short", scopes=["Terminating"])
    make(plane, {"pods": "5", "requests.cpu": "9"}, "long", scopes=["NotTerminating", "NotBestEffort"])
    assert used(plane, "short") == {"pods": "1"}
    assert used(plane, "long") == {"pods": "1", "requests.cpu": "100m"}


def test_a_replica_set_stops_at_the_quota_and_goes_on_below_it(plane: ControlPlane) -> None:
    make(plane, {"pods": "2"})
    plane.cluster.client.create("replicasets.apps", replica_set(replicas=4), "default")
    plane.settle(RECOUNT_SECONDS)
    assert used(plane) == {"pods": "2"}
    plane.cluster.client.patch("resourcequotas", "team", {"spec": {"hard": {"pods": "4"}}}, "default")
    plane.settle(60)
    assert used(plane) == {"pods": "4"}
