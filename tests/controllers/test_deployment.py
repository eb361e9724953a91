"""Deployments and ReplicaSets together, on a cluster without processes: rollouts."""

from __future__ import annotations

import pytest

from minikctl.api.meta import annotations_of, condition, controller_of, name, uid
from minikctl.controllers.common import pods as pod_state
from minikctl.controllers.deployment import DeploymentController, limits
from minikctl.controllers.replica_set import ReplicaSetController
from tests.controllers.conftest import MakePlane
from tests.controllers.deployments import (
    REVISION,
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
