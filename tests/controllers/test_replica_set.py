"""The ReplicaSet controller on a cluster without processes."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.errors import ApiError, forbidden
from minikctl.api.meta import Obj, Objects, condition, controller_of, name, owner_reference, uid
from minikctl.client import DeleteOptions
from minikctl.controllers.replica_set import ReplicaSetController
from tests.controllers.conftest import MakePlane
from tests.controllers.objects import replica_set
from tests.support.control_plane import ControlPlane

RS = "replicasets.apps"


@pytest.fixture
def plane(plane_of: MakePlane) -> ControlPlane:
    return plane_of(ReplicaSetController)


def pods(plane: ControlPlane, selector: str = "") -> Objects:
    found: Objects = plane.cluster.client.list("pods", "default", label_selector=selector)["items"]
    return found


def get(plane: ControlPlane, name: str = "web") -> Obj:
    return plane.cluster.client.get(RS, name, "default")


def create(plane: ControlPlane, obj: Obj, kind: str = RS) -> Obj:
    return plane.cluster.client.create(kind, obj, "default")


def patch(plane: ControlPlane, kind: str, name: str, change: Obj) -> Obj:
    return plane.cluster.client.patch(kind, name, change, "default")


def events(plane: ControlPlane, reason: str) -> list[str]:
    listed = plane.cluster.client.list("events", "default")["items"]
    return sorted(e["message"] for e in listed if e["reason"] == reason)


# ---------------------------------------------------------------------- creating


def test_creates_what_is_asked_for(plane: ControlPlane) -> None:
    owner = create(plane, replica_set(replicas=3))
    plane.settle()
    made = pods(plane)
    assert len(made) == 3
    for each in made:
        assert each["metadata"]["generateName"] == "web-" and each["metadata"]["labels"] == {"app": "web"}
        assert each["metadata"]["ownerReferences"] == [owner_reference(owner)]
        assert each["spec"]["containers"][0]["image"] == "nginx:1"
    assert get(plane)["status"] == {
        "replicas": 3,
        "fullyLabeledReplicas": 3,
        "readyReplicas": 3,
        "availableReplicas": 3,
        "terminatingReplicas": 0,
        "observedGeneration": 1,
    }
    plane.assert_at_rest()


def test_one_pod_more_is_created_for_each_event_told(plane: ControlPlane) -> None:
    create(plane, replica_set(replicas=2))
    plane.settle()
    assert events(plane, "SuccessfulCreate") == sorted(f"Created pod: {name(p)}" for p in pods(plane))


@pytest.mark.parametrize(("before", "after"), [(0, 2), (1, 5), (5, 1), (3, 0), (4, 4)])
def test_scales(plane: ControlPlane, before: int, after: int) -> None:
    create(plane, replica_set(replicas=before))
    plane.settle()
    patch(plane, RS, "web", {"spec": {"replicas": after}})
    plane.settle()
    assert len(pods(plane)) == after == get(plane)["status"]["replicas"]
    assert len(events(plane, "SuccessfulDelete")) == max(before - after, 0)
    plane.assert_at_rest()


def test_replaces_a_deleted_pod(plane: ControlPlane) -> None:
    create(plane, replica_set(replicas=2))
    plane.settle()
    gone = name(pods(plane)[0])
    plane.cluster.client.delete("pods", gone, "default")
    plane.settle()
    assert len(pods(plane)) == 2 and gone not in map(name, pods(plane))


def test_a_pod_that_is_being_deleted_is_replaced_at_once_and_counted_as_terminating(plane: ControlPlane) -> None:
    create(plane, replica_set(replicas=2))
    plane.settle()
    plane.kubelet = None
    plane.cluster.client.delete("pods", name(pods(plane)[0]), "default")
    plane.settle()
    assert len(pods(plane)) == 3
    status = get(plane)["status"]
    assert status["replicas"] == 2 and status["terminatingReplicas"] == 1 and status["readyReplicas"] == 1


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended_is_replaced_and_left_alone(plane: ControlPlane, phase: str) -> None:
    create(plane, replica_set(replicas=1))
    plane.settle()
    assert plane.kubelet
    plane.kubelet.finish(pods(plane)[0], phase)
    plane.settle()
    assert sorted(p["status"]["phase"] for p in pods(plane)) == sorted([phase, "Running"])
    assert get(plane)["status"]["replicas"] == 1
    plane.assert_at_rest()


def test_the_cache_being_behind_creates_nothing_twice(plane: ControlPlane) -> None:
    create(plane, replica_set(replicas=3))
    plane.hub.pump()
    controller = plane.controllers[0]
    controller.drain()
    controller.queue.add("default/web")
    controller.drain()
    assert len(pods(plane)) == 3
    plane.settle()
    assert len(pods(plane)) == 3


def test_what_was_asked_for_and_never_came_is_given_up_after_five_minutes(plane: ControlPlane) -> None:
    create(plane, replica_set(replicas=1))
    plane.settle()
    controller: Any = plane.controllers[0]
    controller.expectations.expect_creations("default/web", 1)
    patch(plane, RS, "web", {"spec": {"replicas": 2}})
    plane.settle()
    assert len(pods(plane)) == 1
    plane.settle(290)
    assert len(pods(plane)) == 1
    plane.settle(15)
    assert len(pods(plane)) == 2


# ---------------------------------------------------------------------- failing


def test_creation_is_tried_once_when_it_cannot_work_and_the_status_says_why(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller: Any = plane.controllers[0]
    tries: list[int] = []
    real = controller.pod_control._client.create

    def refuse(kind: str, obj: Obj, ns: str = "", **more: Any) -> Obj:
        if kind != "pods":
            made: Obj = real(kind, obj, ns, **more)
            return made
        tries.append(1)
        raise forbidden("pods", "", "web-x", "exceeded quota: q")

    monkeypatch.setattr(controller.pod_control._client, "create", refuse)
    create(plane, replica_set(replicas=50))
    plane.hub.pump()
    controller.drain()
    assert len(tries) == 1
    failure = condition(get(plane), "ReplicaFailure")
    assert failure and failure["status"] == "True" and failure["reason"] == "FailedCreate"
    assert failure["message"] == 'pods "web-x" is forbidden: exceeded quota: q'
    controller.recorder.flush()
    assert events(plane, "FailedCreate") == ['Error creating: pods "web-x" is forbidden: exceeded quota: q']
    monkeypatch.setattr(controller.pod_control._client, "create", real)
    plane.settle()
    assert len(pods(plane)) == 50 and condition(get(plane), "ReplicaFailure") is None


def test_slow_start_doubles_and_stops_at_the_first_bad_batch(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller: Any = plane.controllers[0]
    tries: list[int] = []
    real = controller.pod_control._client.create

    def refuse_later(kind: str, obj: Obj, ns: str = "", **more: Any) -> Obj:
        tries.extend([1] if kind == "pods" else [])
        if kind == "pods" and len(tries) > 3:
            raise forbidden("pods", "", "web-x", "no more")
        made: Obj = real(kind, obj, ns, **more)
        return made

    monkeypatch.setattr(controller.pod_control._client, "create", refuse_later)
    create(plane, replica_set(replicas=50))
    plane.hub.pump()
    controller.process(*controller.queue.get())
    assert len(tries) == 1 + 2 + 4 and len(pods(plane)) == 3
    assert controller.expectations._expected["default/web"].creations == 3


def test_a_namespace_that_goes_away_is_no_reason_to_complain(plane: ControlPlane) -> None:
    client = plane.cluster.client
    client.create("namespaces", {"metadata": {"name": "dev", "finalizers": ["example.com/wait"]}})
    client.create("serviceaccounts", {"metadata": {"name": "default"}}, "dev")
    obj = replica_set(replicas=2)
    obj["metadata"]["namespace"] = "dev"
    client.create(RS, obj, "dev")
    client.delete("namespaces", "dev")
    plane.settle()
    assert condition(client.get(RS, "web", "dev"), "ReplicaFailure") is None
    assert not client.list("events", "dev")["items"] and not client.list("pods", "dev")["items"]


def test_a_pod_already_gone_is_deleted_well_enough(plane: ControlPlane) -> None:
    create(plane, replica_set(replicas=2))
    plane.settle()
    for each in pods(plane):
        plane.cluster.client.delete("pods", name(each), "default", options=DeleteOptions(grace_period=0))
    patch(plane, RS, "web", {"spec": {"replicas": 0}})
    plane.controllers[0].queue.add("default/web")
    plane.controllers[0].drain()
    plane.settle()
    assert not pods(plane) and get(plane)["status"]["replicas"] == 0


# ---------------------------------------------------------------------- owning


def test_adopts_matching_orphans_before_it_creates(plane: ControlPlane) -> None:
    orphan = {"metadata": {"name": "mine", "labels": {"app": "web"}}, "spec": replica_set()["spec"]["template"]["spec"]}
    create(plane, orphan, "pods")
    create(plane, {**orphan, "metadata": {"name": "not-mine", "labels": {"app": "other"}}}, "pods")
    owner = create(plane, replica_set(replicas=2))
    plane.settle()
    assert len(pods(plane)) == 3
    adopted = controller_of(plane.cluster.client.get("pods", "mine", "default"))
    assert adopted and adopted["uid"] == uid(owner)
    assert controller_of(plane.cluster.client.get("pods", "not-mine", "default")) is None


def test_an_orphan_that_comes_later_is_adopted_and_the_surplus_deleted(plane: ControlPlane) -> None:
    create(plane, replica_set(replicas=1))
    plane.settle()
    late = {"metadata": {"name": "late", "labels": {"app": "web"}}, "spec": replica_set()["spec"]["template"]["spec"]}
    create(plane, late, "pods")
    plane.settle()
    assert len(pods(plane)) == 1 and get(plane)["status"]["replicas"] == 1


def test_a_relabelled_pod_is_released_and_replaced(plane: ControlPlane) -> None:
    create(plane, replica_set(replicas=2))
    plane.settle()
    taken = name(pods(plane)[0])
    patch(plane, "pods", taken, {"metadata": {"labels": {"app": "debug"}}})
    plane.settle()
    assert len(pods(plane, "app=web")) == 2 and len(pods(plane)) == 3
    assert "ownerReferences" not in plane.cluster.client.get("pods", taken, "default")["metadata"]
    plane.assert_at_rest()


def test_a_pod_relabelled_back_is_adopted_again(plane: ControlPlane) -> None:
    create(plane, replica_set(replicas=1))
    plane.settle()
    taken = name(pods(plane)[0])
    patch(plane, "pods", taken, {"metadata": {"labels": {"app": "debug"}}})
    plane.settle()
    patch(plane, RS, "web", {"spec": {"replicas": 2}})
    patch(plane, "pods", taken, {"metadata": {"labels": {"app": "web"}}})
    plane.settle()
    assert len(pods(plane)) == 2 and all(controller_of(p) for p in pods(plane))


def test_another_owners_pods_are_left_alone(plane: ControlPlane) -> None:
    create(plane, replica_set(replicas=2))
    same = replica_set()["spec"]
    create(plane, replica_set("other", replicas=1, selector=same["selector"], template=same["template"]))
    plane.settle()
    plane.assert_at_rest()
    owners = sorted(str((controller_of(p) or {}).get("name")) for p in pods(plane))
    assert owners == ["other", "web", "web"]


def test_a_dead_owner_in_the_cache_adopts_nothing(plane: ControlPlane) -> None:
    create(plane, replica_set(replicas=0))
    plane.settle()
    orphan = {"metadata": {"name": "mine", "labels": {"app": "web"}}, "spec": replica_set()["spec"]["template"]["spec"]}
    create(plane, orphan, "pods")
    plane.hub.pump()
    plane.cluster.client.delete(RS, "web", "default")
    plane.controllers[0].drain()
    assert "ownerReferences" not in plane.cluster.client.get("pods", "mine", "default")["metadata"]


def test_an_owner_replaced_by_its_namesake_adopts_nothing(plane: ControlPlane) -> None:
    create(plane, replica_set(replicas=0))
    plane.settle()
    orphan = {"metadata": {"name": "mine", "labels": {"app": "web"}}, "spec": replica_set()["spec"]["template"]["spec"]}
    create(plane, orphan, "pods")
    plane.hub.pump()
    plane.cluster.client.delete(RS, "web", "default")
    create(plane, replica_set(replicas=0))
    plane.controllers[0].drain()
    assert "ownerReferences" not in plane.cluster.client.get("pods", "mine", "default")["metadata"]


def test_a_replica_set_being_deleted_creates_and_adopts_nothing(plane: ControlPlane) -> None:
    create(plane, replica_set(replicas=2))
    plane.settle()
    plane.cluster.client.delete(RS, "web", "default", options=DeleteOptions(propagation="Foreground"))
    plane.cluster.client.delete("pods", name(pods(plane)[0]), "default")
    plane.settle()
    assert len(pods(plane)) == 1 and get(plane)["status"]["replicas"] == 1


def test_its_pods_stay_when_it_is_deleted_and_nobody_collects(plane: ControlPlane) -> None:
    create(plane, replica_set(replicas=2))
    plane.settle()
    plane.cluster.client.delete(RS, "web", "default")
    plane.settle()
    assert len(pods(plane)) == 2


# ---------------------------------------------------------------------- readiness


def test_min_ready_seconds_delays_availability_only(plane: ControlPlane) -> None:
    create(plane, replica_set(replicas=2, minReadySeconds=30))
    plane.settle()
    status = get(plane)["status"]
    assert status["readyReplicas"] == 2 and "availableReplicas" not in status
    plane.settle(29)
    assert "availableReplicas" not in get(plane)["status"]
    plane.settle(2)
    assert get(plane)["status"]["availableReplicas"] == 2
    plane.assert_at_rest()


def test_a_pod_that_is_no_longer_ready_is_counted_so(plane: ControlPlane) -> None:
    create(plane, replica_set(replicas=2))
    plane.settle()
    assert plane.kubelet
    sick = name(pods(plane)[0])
    plane.kubelet.ready = lambda p: name(p) != sick
    plane.settle()
    assert get(plane)["status"]["readyReplicas"] == 1 and len(pods(plane)) == 2


def test_fully_labeled_counts_pods_with_all_labels_of_the_template(plane: ControlPlane) -> None:
    spec: dict[str, Any] = {
        "template": {**replica_set()["spec"]["template"], "metadata": {"labels": {"app": "web", "v": "2"}}}
    }
    orphan = {"metadata": {"name": "mine", "labels": {"app": "web"}}, "spec": spec["template"]["spec"]}
    create(plane, orphan, "pods")
    create(plane, replica_set(replicas=2, **spec))
    plane.settle()
    assert get(plane)["status"]["fullyLabeledReplicas"] == 1


def test_a_conflict_is_only_a_reason_to_try_again(plane: ControlPlane) -> None:
    create(plane, replica_set(replicas=1))
    plane.hub.pump()
    patch(plane, RS, "web", {"metadata": {"labels": {"touched": "yes"}}})
    plane.settle()
    assert get(plane)["status"]["readyReplicas"] == 1


def test_errors_are_raised_for_the_queue(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    controller: Any = plane.controllers[0]

    def refuse(*_a: Any, **_k: Any) -> Obj:
        raise forbidden("pods", "", "x", "no")

    monkeypatch.setattr(controller.pod_control._client, "create", refuse)
    create(plane, replica_set(replicas=1))
    plane.hub.pump()
    with pytest.raises(ApiError, match="forbidden"):
        controller.sync("default/web")
