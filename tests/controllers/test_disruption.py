"""The disruption controller: how many pods of a budget may go."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, condition
from minikctl.controllers.deployment import DeploymentController
from minikctl.controllers.disruption import DisruptionController
from minikctl.controllers.replica_set import ReplicaSetController
from tests.controllers.conftest import MakePlane
from tests.controllers.objects import deployment, replica_set, template
from tests.support.control_plane import ControlPlane


@pytest.fixture
def plane(plane_of: MakePlane) -> ControlPlane:
    return plane_of(DisruptionController, ReplicaSetController, DeploymentController)


def budget(plane: ControlPlane, **spec: Any) -> None:
    spec = {"selector": {"matchLabels": {"app": "web"}}, **spec}
    plane.cluster.client.create("poddisruptionbudgets", {"metadata": {"name": "web"}, "spec": spec}, "default")
    plane.settle()


def status(plane: ControlPlane) -> Obj:
    found: Obj = plane.cluster.client.get("poddisruptionbudgets", "web", "default")["status"]
    return found


def numbers(plane: ControlPlane) -> tuple[int, int, int, int]:
    """(allowed, healthy, desired, expected)."""
    fields = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
    found = status(plane)
    return tuple(found[f] for f in fields)  # type: ignore[return-value]


def verdict(plane: ControlPlane) -> tuple[str, str, str]:
    found = condition({"status": status(plane)}, "DisruptionAllowed") or {}
    return found["status"], found["reason"], found["message"]


def bare_pod(plane: ControlPlane, name: str, **metadata: Any) -> None:
    made = {**template(), "metadata": {"name": name, "labels": {"app": "web"}, **metadata}}
    plane.cluster.client.create("pods", made, "default")


@pytest.mark.parametrize(
    ("spec", "replicas", "expected"),
    [
        ({"minAvailable": 3}, 5, (2, 5, 3, 5)),
        ({"minAvailable": 7}, 5, (0, 5, 7, 5)),
        ({"minAvailable": 0}, 5, (5, 5, 0, 5)),
        ({"minAvailable": "50%"}, 5, (2, 5, 3, 5)),
        ({"minAvailable": "100%"}, 5, (0, 5, 5, 5)),
        ({"maxUnavailable": 1}, 5, (1, 5, 4, 5)),
        ({"maxUnavailable": 9}, 5, (5, 5, 0, 5)),
        ({"maxUnavailable": "30%"}, 5, (2, 5, 3, 5)),
        ({"maxUnavailable": "0%"}, 5, (0, 5, 5, 5)),
        ({"minAvailable": 1}, 0, (0, 0, 1, 0)),
        ({}, 2, (0, 2, 0, 0)),
    ],
)
def test_bounds(plane: ControlPlane, spec: Obj, replicas: int, expected: tuple[int, ...]) -> None:
    plane.cluster.client.create("replicasets.apps", replica_set(replicas=replicas), "default")
    plane.settle()
    budget(plane, **spec)
    assert numbers(plane) == expected
    assert verdict(plane) == (("True", "SufficientPods", "") if expected[0] else ("False", "InsufficientPods", ""))
    assert status(plane)["observedGeneration"] == 1
    plane.assert_at_rest()


def test_the_deployment_decides_for_its_replica_sets(plane: ControlPlane) -> None:
    plane.cluster.client.create("deployments.apps", deployment(replicas=4), "default")
    plane.settle()
    budget(plane, maxUnavailable="25%")
    assert numbers(plane) == (1, 4, 3, 4)
    plane.cluster.client.patch("deployments.apps", "web", {"spec": {"replicas": 8}}, "default")
    plane.settle()
    assert numbers(plane) == (2, 8, 6, 8)


def test_pods_that_are_not_ready_do_not_count_as_healthy(plane: ControlPlane) -> None:
    assert plane.kubelet is not None
    plane.kubelet.ready = lambda pod: pod["metadata"]["name"] != "b"
    for name in ("a", "b", "c"):
        bare_pod(plane, name)
    budget(plane, minAvailable=2)
    assert numbers(plane) == (0, 2, 2, 3)
    plane.kubelet.ready = lambda _pod: True
    plane.settle()
    assert numbers(plane) == (1, 3, 2, 3)


def test_a_pod_without_an_owner_has_no_scale(plane: ControlPlane) -> None:
    bare_pod(plane, "a")
    plane.settle()
    budget(plane, maxUnavailable=1)
    assert numbers(plane) == (0, 1, 0, 0)
    events = [e for e in plane.cluster.client.list("events", "default")["items"] if e["reason"] == "UnmanagedPods"]
    assert events[0]["message"].startswith("Pods selected by this PodDisruptionBudget (selector: app=web) were found")
    plane.assert_at_rest()


@pytest.mark.parametrize(
    ("owner", "message"),
    [
        ({"apiVersion": "apps/v1", "kind": "ReplicaSet"}, 'found no controllers for pod "a"'),
        ({"apiVersion": "batch/v1", "kind": "Job"}, "jobs.batch does not implement the scale subresource"),
        (
            {"apiVersion": "example.com/v1", "kind": "Gadget"},
            'no matches for kind "Gadget" in version "example.com/v1"',
        ),
    ],
)
def test_what_cannot_be_counted_allows_nothing(plane: ControlPlane, owner: Obj, message: str) -> None:
    bare_pod(plane, "a", ownerReferences=[{**owner, "name": "x", "uid": "1", "controller": True}])
    plane.settle()
    budget(plane, maxUnavailable=1)
    assert verdict(plane) == ("False", "SyncFailed", message)
    assert status(plane)["disruptionsAllowed"] == 0


def test_an_evicted_pod_is_not_healthy_any_more_and_its_note_goes_with_it(plane: ControlPlane) -> None:
    plane.cluster.client.create("replicasets.apps", replica_set(replicas=3), "default")
    plane.settle()
    budget(plane, minAvailable=2)
    assert numbers(plane)[0] == 1
    first, second, _ = [p["metadata"]["name"] for p in plane.cluster.client.list("pods", "default")["items"]]
    evict(plane, first)
    with pytest.raises(ApiError, match="disruption budget"):
        evict(plane, second)
    plane.settle()
    assert numbers(plane) == (1, 3, 2, 3)
    assert "disruptedPods" not in status(plane)
    evict(plane, second)


def evict(plane: ControlPlane, pod: str) -> None:
    made = {"metadata": {"name": pod}}
    plane.cluster.client.create("pods", made, "default", name=pod, subresource="eviction")


def test_an_eviction_that_nobody_carried_out_is_forgotten_after_two_minutes(plane: ControlPlane) -> None:
    bare_pod(plane, "a")
    bare_pod(plane, "b")
    plane.settle()
    budget(plane, minAvailable=1)
    found = plane.cluster.client.get("poddisruptionbudgets", "web", "default")
    noted = {**found["status"], "disruptedPods": {"a": "2026-01-01T00:00:00Z"}}
    plane.cluster.client.update("poddisruptionbudgets", {**found, "status": noted}, subresource="status")
    plane.settle()
    assert numbers(plane) == (0, 1, 1, 2)
    plane.settle(125)
    assert numbers(plane) == (1, 2, 1, 2)
    assert "disruptedPods" not in status(plane)
    reasons = [e["reason"] for e in plane.cluster.client.list("events", "default")["items"]]
    assert "NotDeleted" in reasons


def test_an_announced_removal_is_taken_back_after_two_minutes(plane: ControlPlane) -> None:
    bare_pod(plane, "a")
    plane.settle()
    pod = plane.cluster.client.get("pods", "a", "default")
    said = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler", "lastTransitionTime": "2026-01-01T00:00:00Z"}  # fmt: skip
    changed = {**pod, "status": {**pod["status"], "conditions": [*pod["status"]["conditions"], said]}}
    plane.cluster.client.update("pods", changed, subresource="status")
    plane.settle(100)
    assert (condition(plane.cluster.client.get("pods", "a", "default"), "DisruptionTarget") or {})["status"] == "True"
    plane.settle(30)
    after = condition(plane.cluster.client.get("pods", "a", "default"), "DisruptionTarget") or {}
    assert (after["status"], after.get("reason")) == ("False", None)
    plane.assert_at_rest()
