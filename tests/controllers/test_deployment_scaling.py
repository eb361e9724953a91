"""Deployments: scaling, pausing, history."""

from __future__ import annotations

import pytest

from minikctl.api.meta import annotations_of, condition, name
from minikctl.controllers.deployment import DeploymentController
from minikctl.controllers.replica_set import ReplicaSetController
from tests.controllers.conftest import MakePlane
from tests.controllers.deployments import (
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
