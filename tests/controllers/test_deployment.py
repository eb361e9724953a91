"""Deployments and ReplicaSets together, on a cluster without processes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from minikctl.api.errors import ApiError, forbidden
from minikctl.api.meta import Obj, Objects, annotations_of, condition, controller_of, name, uid
from minikctl.client import DeleteOptions
from minikctl.controllers.common import pods as pod_state
from minikctl.controllers.deployment import DeploymentController, limits, template
from minikctl.controllers.replica_set import ReplicaSetController
from tests.controllers.conftest import MakePlane
from tests.controllers.objects import deployment, rolling
from tests.support.control_plane import ControlPlane

DEPLOY, RS = "deployments.apps", "replicasets.apps"
REVISION = "deployment.kubernetes.io/revision"


@pytest.fixture
def plane(plane_of: MakePlane) -> ControlPlane:
    return plane_of(DeploymentController, ReplicaSetController)


def create(plane: ControlPlane, obj: Obj, kind: str = DEPLOY) -> Obj:
    return plane.cluster.client.create(kind, obj, "default")


def patch(plane: ControlPlane, change: Obj, kind: str = DEPLOY, name: str = "web") -> Obj:
    return plane.cluster.client.patch(kind, name, change, "default")


def set_image(plane: ControlPlane, image: str) -> Obj:
    containers = [{"name": "main", "image": image}]
    return patch(plane, {"spec": {"template": {"spec": {"containers": containers}}}})


def get(plane: ControlPlane, name: str = "web") -> Obj:
    return plane.cluster.client.get(DEPLOY, name, "default")


def sets(plane: ControlPlane) -> dict[str, Obj]:
    """ReplicaSets by their image."""
    found = plane.cluster.client.list(RS, "default")["items"]
    return {rs["spec"]["template"]["spec"]["containers"][0]["image"]: rs for rs in found}


def sizes(plane: ControlPlane) -> dict[str, int]:
    return {image: rs["spec"]["replicas"] for image, rs in sets(plane).items()}


def pods(plane: ControlPlane) -> Objects:
    found: Objects = plane.cluster.client.list("pods", "default")["items"]
    return found


def events(plane: ControlPlane, reason: str = "ScalingReplicaSet") -> list[str]:
    listed = plane.cluster.client.list("events", "default")["items"]
    found = [e for e in listed if e["reason"] == reason]
    return [e["message"] for e in sorted(found, key=lambda e: int(e["metadata"]["resourceVersion"]))]


def reason(plane: ControlPlane, kind: str = "Progressing") -> str:
    found = condition(get(plane), kind)
    return str(found.get("reason")) if found else ""


# ---------------------------------------------------------------------- the first rollout


def test_makes_a_replica_set(plane: ControlPlane) -> None:
    owner = create(plane, deployment(replicas=3))
    plane.settle()
    (rs,) = sets(plane).values()
    hash_ = rs["metadata"]["labels"]["pod-template-hash"]
    assert name(rs) == f"web-{hash_}"
    assert rs["metadata"]["labels"] == {"app": "web", "pod-template-hash": hash_}
    assert rs["spec"]["selector"] == {"matchLabels": {"app": "web", "pod-template-hash": hash_}}
    assert rs["spec"]["template"]["metadata"]["labels"] == {"app": "web", "pod-template-hash": hash_}
    assert annotations_of(rs) == {
        "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
        REVISION: "1",
    }
    ref = controller_of(rs)
    assert ref and ref["uid"] == uid(owner) and ref["blockOwnerDeletion"] is True
    assert events(plane) == [f"Scaled up replica set {name(rs)} from 0 to 3"]
    plane.assert_at_rest()


def test_the_status_of_a_finished_rollout(plane: ControlPlane) -> None:
    create(plane, deployment(replicas=2))
    plane.settle()
    d = get(plane)
    (rs,) = sets(plane).values()
    now = "2026-01-01T00:00:00Z"
    assert annotations_of(d) == {REVISION: "1"}
    assert d["status"] == {
        "observedGeneration": 1,
        "replicas": 2,
        "updatedReplicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
        "terminatingReplicas": 0,
        "conditions": [
            {
                "type": "Available",
                "status": "True",
                "lastUpdateTime": now,
                "lastTransitionTime": now,
                "reason": "MinimumReplicasAvailable",
                "message": "Deployment has minimum availability.",
            },
            {
                "type": "Progressing",
                "status": "True",
                "lastUpdateTime": now,
                "lastTransitionTime": now,
                "reason": "NewReplicaSetAvailable",
                "message": f'ReplicaSet "{name(rs)}" has successfully progressed.',
            },
        ],
    }


def test_the_status_before_any_pod_is_there(plane: ControlPlane) -> None:
    create(plane, deployment(replicas=2))
    plane.hub.pump()
    plane.controllers[0].drain()
    status = get(plane)["status"]
    assert [(c["type"], c["status"], c["reason"]) for c in status["conditions"]] == [
        ("Progressing", "True", "NewReplicaSetCreated"),
        ("Available", "False", "MinimumReplicasUnavailable"),
    ]
    assert status["unavailableReplicas"] == 2 and status["observedGeneration"] == 1


def test_without_replicas_there_is_a_replica_set_and_no_event(plane: ControlPlane) -> None:
    create(plane, deployment(replicas=0))
    plane.settle()
    assert sizes(plane) == {"nginx:1": 0} and events(plane) == []
    assert reason(plane) == "NewReplicaSetAvailable"
    plane.assert_at_rest()


def test_without_a_deadline_progress_is_not_spoken_of(plane: ControlPlane) -> None:
    create(plane, deployment(progressDeadlineSeconds=2**31 - 1))
    plane.settle()
    assert condition(get(plane), "Progressing") is None and reason(plane, "Available") == "MinimumReplicasAvailable"


# ---------------------------------------------------------------------- updates


def test_a_rolling_update_step_by_step(plane: ControlPlane) -> None:
    create(plane, deployment(replicas=3))
    plane.settle()
    set_image(plane, "nginx:2")
    plane.settle()
    old, new = (name(sets(plane)[f"nginx:{i}"]) for i in (1, 2))
    assert events(plane) == [
        f"Scaled up replica set {old} from 0 to 3",
        f"Scaled up replica set {new} from 0 to 1",
        f"Scaled down replica set {old} from 3 to 2",
        f"Scaled up replica set {new} from 1 to 2",
        f"Scaled down replica set {old} from 2 to 1",
        f"Scaled up replica set {new} from 2 to 3",
        f"Scaled down replica set {old} from 1 to 0",
    ]
    assert sizes(plane) == {"nginx:1": 0, "nginx:2": 3}
    assert annotations_of(get(plane))[REVISION] == "2" and get(plane)["status"]["observedGeneration"] == 2
    plane.assert_at_rest()


@pytest.mark.parametrize(
    ("surge", "unavailable"),
    [(1, 0), (0, 1), (0, "5%"), ("25%", "25%"), ("100%", 0), (3, 3), (0, "100%"), ("1%", "1%")],
)
@pytest.mark.parametrize("chunk", [1, 3, None])
def test_sampling_the_bounds_of_a_rolling_update(
    plane: ControlPlane, surge: int | str, unavailable: int | str, chunk: int | None
) -> None:
    """At no moment fewer ready pods than maxUnavailable allows, or more than maxSurge allows."""
    create(plane, deployment(replicas=10, strategy=rolling(surge, unavailable)))
    plane.settle()
    floor = 10 - limits.max_unavailable(get(plane))
    ceiling = 10 + limits.max_surge(get(plane))
    seen: set[tuple[int, int]] = set()

    def sample() -> None:
        present = pod_state.active(pods(plane))
        ready = sum(pod_state.is_ready(p) for p in present)
        seen.add((len(present), ready))
        assert ready >= floor and len(present) <= ceiling, seen

    set_image(plane, "nginx:2")
    for _ in range(400):
        moved = 0
        plane.hub.pump()
        for controller in plane.controllers:
            while (item := controller.queue.get(timeout=0)) is not None:
                controller.process(*item)
                sample()
                moved += 1
            plane.hub.pump()
        assert plane.kubelet
        moved += plane.kubelet.step(chunk)
        sample()
        if (due := [c.queue.due_in() for c in plane.controllers if (c.queue.due_in() or 9) < 1]) and due[0]:
            plane.clock.advance(due[0] + 0.001)
        elif not moved:
            break
    assert sizes(plane) == {"nginx:1": 0, "nginx:2": 10}
    assert reason(plane) == "NewReplicaSetAvailable"


def test_a_bad_image_stops_within_the_bounds_and_is_reported_after_the_deadline(plane: ControlPlane) -> None:
    create(plane, deployment(replicas=4, progressDeadlineSeconds=60))
    plane.settle()
    assert plane.kubelet
    plane.kubelet.ready = lambda p: p["spec"]["containers"][0]["image"] != "nginx:1.161"
    set_image(plane, "nginx:1.161")
    plane.settle()
    assert sizes(plane) == {"nginx:1": 3, "nginx:1.161": 2}
    assert reason(plane) == "ReplicaSetUpdated" and reason(plane, "Available") == "MinimumReplicasAvailable"
    plane.settle(62)
    found = condition(get(plane), "Progressing")
    assert found and found["status"] == "False" and found["reason"] == "ProgressDeadlineExceeded"
    assert found["message"] == f'ReplicaSet "{name(sets(plane)["nginx:1.161"])}" has timed out progressing.'
    plane.assert_at_rest()
    set_image(plane, "nginx:1")  # what rollout undo does
    plane.settle()
    assert sizes(plane) == {"nginx:1": 4, "nginx:1.161": 0} and reason(plane) == "NewReplicaSetAvailable"


def test_going_back_takes_the_old_replica_set_and_a_new_revision(plane: ControlPlane) -> None:
    create(plane, deployment())
    for image in ("nginx:1", "nginx:2", "nginx:1"):
        set_image(plane, image)
        plane.settle()
    found = sets(plane)
    assert len(found) == 2 and sizes(plane) == {"nginx:1": 3, "nginx:2": 0}
    first = annotations_of(found["nginx:1"])
    assert first[REVISION] == "3" and first["deployment.kubernetes.io/revision-history"] == "1"
    assert annotations_of(get(plane))[REVISION] == "3"


def test_a_change_that_is_none_makes_no_revision(plane: ControlPlane) -> None:
    create(plane, deployment())
    plane.settle()
    patch(plane, {"metadata": {"labels": {"team": "a"}}})
    patch(plane, {"spec": {"revisionHistoryLimit": 3}})
    plane.settle()
    assert len(sets(plane)) == 1 and annotations_of(get(plane))[REVISION] == "1"


def test_updating_in_the_middle_of_an_update(plane: ControlPlane) -> None:
    create(plane, deployment(replicas=4))
    plane.settle()
    assert plane.kubelet
    plane.kubelet.ready = lambda p: p["spec"]["containers"][0]["image"] != "nginx:2"
    set_image(plane, "nginx:2")
    plane.settle()
    set_image(plane, "nginx:3")
    plane.settle()
    assert sizes(plane) == {"nginx:1": 0, "nginx:2": 0, "nginx:3": 4}
    assert annotations_of(get(plane))[REVISION] == "3"
    plane.assert_at_rest()


def test_annotations_reach_the_replica_set(plane: ControlPlane) -> None:
    create(plane, deployment())
    plane.settle()
    patch(plane, {"metadata": {"annotations": {"kubernetes.io/change-cause": "because"}}})
    plane.settle()
    (rs,) = sets(plane).values()
    assert annotations_of(rs)["kubernetes.io/change-cause"] == "because"
    plane.assert_at_rest()


def test_min_ready_seconds_holds_the_update_back(plane: ControlPlane) -> None:
    create(plane, deployment(replicas=2, minReadySeconds=20, strategy=rolling(1, 0)))
    plane.settle(25)
    assert get(plane)["status"]["availableReplicas"] == 2
    set_image(plane, "nginx:2")
    plane.settle(15)
    assert sizes(plane) == {"nginx:1": 2, "nginx:2": 1}
    plane.settle(60)
    assert sizes(plane) == {"nginx:1": 0, "nginx:2": 2}


def test_min_ready_seconds_alone_changes_the_replica_set_and_starts_nothing(plane: ControlPlane) -> None:
    create(plane, deployment())
    plane.settle()
    patch(plane, {"spec": {"minReadySeconds": 5}})
    plane.settle(10)
    (rs,) = sets(plane).values()
    assert rs["spec"]["minReadySeconds"] == 5 and get(plane)["status"]["availableReplicas"] == 3
    patch(plane, {"spec": {"minReadySeconds": 0}})
    plane.settle()
    (rs,) = sets(plane).values()
    assert "minReadySeconds" not in rs["spec"]
    plane.assert_at_rest()


# ---------------------------------------------------------------------- Recreate


def test_recreate_waits_until_the_last_old_pod_is_gone(plane: ControlPlane) -> None:
    create(plane, deployment(replicas=3, strategy={"type": "Recreate"}))
    plane.settle()
    kubelet, plane.kubelet = plane.kubelet, None
    set_image(plane, "nginx:2")
    plane.settle()
    assert sizes(plane) == {"nginx:1": 0} and all(p["metadata"].get("deletionTimestamp") for p in pods(plane))
    assert kubelet
    kubelet.step(2)
    plane.settle()
    assert sizes(plane) == {"nginx:1": 0}
    plane.kubelet = kubelet
    plane.settle()
    assert sizes(plane) == {"nginx:1": 0, "nginx:2": 3} and reason(plane) == "NewReplicaSetAvailable"
    plane.assert_at_rest()


def test_recreate_scales(plane: ControlPlane) -> None:
    create(plane, deployment(replicas=3, strategy={"type": "Recreate"}))
    plane.settle()
    for size in (5, 1):
        patch(plane, {"spec": {"replicas": size}})
        plane.settle()
        assert sizes(plane) == {"nginx:1": size}


# ---------------------------------------------------------------------- scaling


@pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 1), (3, 0), (0, 3)])
def test_scaling(plane: ControlPlane, before: int, after: int) -> None:
    create(plane, deployment(replicas=before))
    plane.settle()
    patch(plane, {"spec": {"replicas": after}})
    plane.settle()
    assert sizes(plane) == {"nginx:1": after} and len(pods(plane)) == after
    direction = "up" if after > before else "down"
    (rs,) = sets(plane).values()
    assert events(plane)[-1] == f"Scaled {direction} replica set {name(rs)} from {before} to {after}"
    if after:
        assert annotations_of(rs)["deployment.kubernetes.io/desired-replicas"] == str(after)
    plane.assert_at_rest()


def test_scaling_in_the_middle_of_an_update_is_proportional(plane: ControlPlane) -> None:
    create(plane, deployment(replicas=10, strategy=rolling(3, 2)))
    plane.settle()
    assert plane.kubelet
    plane.kubelet.ready = lambda p: p["spec"]["containers"][0]["image"] == "nginx:1"
    set_image(plane, "nginx:2")
    plane.settle()
    assert sizes(plane) == {"nginx:1": 8, "nginx:2": 5}
    patch(plane, {"spec": {"replicas": 15}})
    plane.settle()
    assert sizes(plane) == {"nginx:1": 11, "nginx:2": 7}  # the example of the concept page


def test_a_replica_set_scaled_by_hand_is_put_right(plane: ControlPlane) -> None:
    create(plane, deployment(replicas=3))
    plane.settle()
    patch(plane, {"spec": {"replicas": 7}}, RS, name(sets(plane)["nginx:1"]))
    plane.settle()
    assert sizes(plane) == {"nginx:1": 3} and len(pods(plane)) == 3
    plane.assert_at_rest()


def test_a_size_reached_by_hand_does_not_stop_later_updates(plane: ControlPlane) -> None:
    """The size is right already, only what the ReplicaSet remembers of the Deployment is old."""
    create(plane, deployment(replicas=3))
    plane.settle()
    patch(plane, {"spec": {"replicas": 5}}, RS, name(sets(plane)["nginx:1"]))
    patch(plane, {"spec": {"replicas": 5}})
    plane.settle()
    set_image(plane, "nginx:2")
    plane.settle()
    assert sizes(plane) == {"nginx:1": 0, "nginx:2": 5}


# ---------------------------------------------------------------------- pausing


def test_while_paused_only_scaling_works(plane: ControlPlane) -> None:
    create(plane, deployment(replicas=2))
    plane.settle()
    patch(plane, {"spec": {"paused": True}})
    plane.settle()
    found = condition(get(plane), "Progressing")
    assert found and found["status"] == "Unknown" and found["reason"] == "DeploymentPaused"
    assert found["message"] == "Deployment is paused"
    set_image(plane, "nginx:2")
    plane.settle()
    assert sizes(plane) == {"nginx:1": 2} and "updatedReplicas" not in get(plane)["status"]
    patch(plane, {"spec": {"replicas": 4}})
    plane.settle()
    assert sizes(plane) == {"nginx:1": 4}
    plane.assert_at_rest()
    patch(plane, {"spec": {"paused": None}})
    plane.settle()
    assert sizes(plane) == {"nginx:1": 0, "nginx:2": 4} and reason(plane) == "NewReplicaSetAvailable"
    plane.assert_at_rest()


def test_created_paused_it_does_nothing(plane: ControlPlane) -> None:
    create(plane, deployment(paused=True))
    plane.settle()
    assert not sets(plane) and reason(plane) == "DeploymentPaused"
    assert get(plane)["status"]["observedGeneration"] == 1


def test_time_spent_paused_is_not_lack_of_progress(plane: ControlPlane) -> None:
    create(plane, deployment(progressDeadlineSeconds=30))
    plane.settle()
    assert plane.kubelet
    plane.kubelet.ready = lambda p: p["spec"]["containers"][0]["image"] == "nginx:1"
    set_image(plane, "nginx:2")
    plane.settle(5)
    patch(plane, {"spec": {"paused": True}})
    plane.settle(300)
    assert reason(plane) == "DeploymentPaused"
    patch(plane, {"spec": {"paused": False}})
    plane.settle(20)
    assert reason(plane) == "DeploymentResumed"
    plane.settle(15)
    assert reason(plane) == "ProgressDeadlineExceeded"


# ---------------------------------------------------------------------- history


@pytest.mark.parametrize(("limit", "kept"), [(10, 5), (2, 2), (0, 0), (2**31 - 1, 5)])
def test_old_replica_sets_are_cleaned_up(plane: ControlPlane, limit: int, kept: int) -> None:
    create(plane, deployment(replicas=1, revisionHistoryLimit=limit))
    for i in range(1, 7):
        set_image(plane, f"nginx:{i}")
        plane.settle()
    assert sorted(sets(plane)) == [f"nginx:{i}" for i in range(6 - kept, 7)]


def test_the_lowest_revisions_go_not_the_oldest_replica_sets(plane: ControlPlane) -> None:
    create(plane, deployment(replicas=1, revisionHistoryLimit=1))
    patch(plane, {"spec": {"revisionHistoryLimit": 10}})
    for image in ("nginx:1", "nginx:2", "nginx:3", "nginx:1", "nginx:4"):
        set_image(plane, image)
        plane.settle()
    patch(plane, {"spec": {"revisionHistoryLimit": 1}})
    plane.settle()
    assert sorted(sets(plane)) == ["nginx:1", "nginx:4"]


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
