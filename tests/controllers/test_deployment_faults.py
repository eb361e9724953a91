"""Deployments: owning, failing, and whatever else happens."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from minikctl.api.errors import ApiError, forbidden
from minikctl.api.meta import Obj, condition, controller_of, name, uid
from minikctl.client import DeleteOptions
from minikctl.controllers.common import pods as pod_state
from minikctl.controllers.deployment import DeploymentController, template
from minikctl.controllers.replica_set import ReplicaSetController
from tests.controllers.conftest import MakePlane
from tests.controllers.deployments import (
    DEPLOY,
    RS,
    create,
    events,
    get,
    patch,
    pods,
    reason,
    set_image,
    sets,
    sizes,
)
from tests.controllers.objects import deployment, rolling
from tests.support.control_plane import ControlPlane


@pytest.fixture
def plane(plane_of: MakePlane) -> ControlPlane:
    return plane_of(DeploymentController, ReplicaSetController)


# ---------------------------------------------------------------------- owning


def test_adopts_a_replica_set_of_its_template(plane: ControlPlane) -> None:
    create(plane, deployment())
    plane.settle()
    (before,) = sets(plane).values()
    patch(plane, {"metadata": {"ownerReferences": None}}, RS, name(before))
    plane.cluster.client.delete(DEPLOY, "web", "default")
    plane.settle()
    owner = create(plane, deployment())
    plane.settle()
    (after,) = sets(plane).values()
    ref = controller_of(after)
    assert uid(after) == uid(before) and ref and ref["uid"] == uid(owner) and len(pods(plane)) == 3
    assert reason(plane) == "NewReplicaSetAvailable"
    plane.assert_at_rest()


def test_releases_a_replica_set_whose_labels_no_longer_match(plane: ControlPlane) -> None:
    create(plane, deployment())
    plane.settle()
    (mine,) = sets(plane).values()
    patch(plane, {"metadata": {"labels": {"app": "else"}}}, RS, name(mine))
    plane.settle()
    left = plane.cluster.client.get(RS, name(mine), "default")
    assert "ownerReferences" not in left["metadata"]


def test_a_hash_collision_is_counted_and_got_around(plane: ControlPlane) -> None:
    wanted = deployment()
    taken = f"web-{template.compute_hash(plane.cluster.client.create(DEPLOY, wanted, 'default')['spec']['template'])}"
    stranger = {
        "metadata": {"name": taken},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "other"}},
            "template": {
                "metadata": {"labels": {"app": "other"}},
                "spec": {"containers": [{"name": "main", "image": "busybox"}]},
            },
        },
    }
    create(plane, stranger, RS)
    plane.settle()
    assert get(plane)["status"]["collisionCount"] == 1
    assert sizes(plane) == {"busybox": 0, "nginx:1": 3} and name(sets(plane)["nginx:1"]) != taken
    plane.assert_at_rest()


def test_its_own_replica_set_found_behind_a_slow_cache_is_no_collision(plane: ControlPlane) -> None:
    create(plane, deployment())
    plane.hub.pump()
    controller = plane.controllers[0]
    controller.drain()
    stale: Any = controller
    stored = get(plane)
    stale.deployments._objects["default/web"] = stored  # the Deployment is seen, its ReplicaSet is not
    controller.queue.add("default/web")
    controller.drain()
    assert "collisionCount" not in get(plane)["status"] and len(sets(plane)) == 1
    plane.settle()
    plane.assert_at_rest()


def test_failing_to_create_a_replica_set_is_told(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    controller: Any = plane.controllers[0]
    real = controller.client.create

    def refuse(kind: Any, obj: Obj, ns: str = "", **more: Any) -> Obj:
        if getattr(kind, "plural", "") == "replicasets":
            raise forbidden("replicasets", "apps", obj["metadata"]["name"], "exceeded quota")
        made: Obj = real(kind, obj, ns, **more)
        return made

    monkeypatch.setattr(controller.client, "create", refuse)
    create(plane, deployment())
    plane.hub.pump()
    controller.drain()
    found = condition(get(plane), "Progressing")
    assert found and found["status"] == "False" and found["reason"] == "ReplicaSetCreateError"
    assert found["message"].startswith('Failed to create new replica set "web-') and "quota" in found["message"]
    controller.recorder.flush()
    assert events(plane, "ReplicaSetCreateError") == [found["message"]]
    monkeypatch.setattr(controller.client, "create", real)
    plane.settle()
    assert sizes(plane) == {"nginx:1": 3} and reason(plane) == "NewReplicaSetAvailable"


def test_being_deleted_it_only_reports(plane: ControlPlane) -> None:
    create(plane, deployment())
    plane.settle()
    plane.cluster.client.delete(DEPLOY, "web", "default", options=DeleteOptions(propagation="Foreground"))
    patch(plane, {"spec": {"replicas": 9}})
    plane.settle()
    assert sizes(plane) == {"nginx:1": 3} and get(plane)["status"]["observedGeneration"] == 3


def test_an_empty_selector_is_refused(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    controller: Any = plane.controllers[0]
    stored = create(plane, deployment())
    plane.hub.pump()
    controller.deployments._objects["default/web"] = {**stored, "spec": {**stored["spec"], "selector": {}}}
    try:
        controller.drain()
    except ApiError as e:  # the stored object is fine, only the cache was made to lie
        raise AssertionError from e
    controller.recorder.flush()
    assert events(plane, "SelectingAll") and not sets(plane)


# ---------------------------------------------------------------------- at random


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_the_deployment_reaches_its_spec_and_rests(plane_of: MakePlane, seed: int) -> None:
    rng = random.Random(seed)
    plane = plane_of(DeploymentController, ReplicaSetController, seed=seed)
    client = plane.cluster.client
    strategy = rng.choice([rolling("25%", "25%"), rolling(1, 0), rolling(0, 2), {"type": "Recreate"}])
    create(plane, deployment(replicas=rng.randrange(6), strategy=strategy))

    def lose_a_pod() -> None:
        if present := pods(plane):
            grace = rng.choice([None, 0])
            client.delete("pods", name(rng.choice(present)), "default", options=DeleteOptions(grace_period=grace))

    def end_a_pod() -> None:
        running = [p for p in pods(plane) if p.get("status", {}).get("phase") == "Running"]
        if running and plane.kubelet:
            plane.kubelet.finish(rng.choice(running), rng.choice(["Succeeded", "Failed"]))

    def relabel_a_pod() -> None:
        if present := pods(plane):
            patch(plane, {"metadata": {"labels": {"app": "lost"}}}, "pods", name(rng.choice(present)))

    def touch_a_replica_set() -> None:
        if found := list(sets(plane).values()):
            change = {"metadata": {"labels": {"touched": str(rng.random())}}}
            patch(plane, change, RS, name(rng.choice(found)))

    def scale_a_replica_set() -> None:
        if found := list(sets(plane).values()):
            patch(plane, {"spec": {"replicas": rng.randrange(5)}}, RS, name(rng.choice(found)))

    def delete_a_replica_set() -> None:
        if found := list(sets(plane).values()):
            doomed = rng.choice(found)
            for pod in pods(plane):
                ref = controller_of(pod)
                if ref and ref["uid"] == uid(doomed):
                    client.delete("pods", name(pod), "default")
            client.delete(RS, name(doomed), "default")

    faults: list[Callable[[], object]] = [
        lose_a_pod,
        lose_a_pod,
        end_a_pod,
        relabel_a_pod,
        touch_a_replica_set,
        scale_a_replica_set,
        delete_a_replica_set,
        lambda: set_image(plane, f"nginx:{rng.randrange(4)}"),
        lambda: patch(plane, {"spec": {"replicas": rng.randrange(7)}}),
        lambda: patch(plane, {"spec": {"paused": rng.random() < 0.4}}),
        lambda: patch(plane, {"metadata": {"annotations": {"note": str(rng.random())}}}),
        lambda: plane.clock.advance(rng.choice([1, 30, 700])),
    ]
    for _ in range(25):
        rng.choice(faults)()
        for _ in range(rng.randrange(3)):
            plane.turn(kubelet_limit=rng.choice([1, 2, None]))
    patch(plane, {"spec": {"paused": False}})
    plane.settle(turns=1500)
    d = get(plane)
    image = d["spec"]["template"]["spec"]["containers"][0]["image"]
    wanted = d["spec"]["replicas"]
    active = [p for p in pod_state.active(pods(plane)) if controller_of(p)]
    owned = [p for p in active if p["metadata"]["labels"].get("app") == "web"]
    assert [p["spec"]["containers"][0]["image"] for p in owned] == [image] * wanted
    assert all(size == (wanted if i == image else 0) for i, size in sizes(plane).items())
    status = d["status"]
    assert (status.get("availableReplicas") or 0) == wanted and status["observedGeneration"] == d["metadata"][
        "generation"
    ]
    plane.assert_at_rest()
    before = plane.cluster.store.current_rv()
    plane.settle(3600)
    assert plane.cluster.store.current_rv() == before
