"""The StatefulSet controller on a cluster without processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from minikctl.api.errors import conflict
from minikctl.api.meta import Obj, Objects, controller_of, is_deleting, labels_of, name, uid
from minikctl.client import DeleteOptions
from minikctl.controllers.garbage_collector import GarbageCollector
from minikctl.controllers.stateful_set import StatefulSetController
from tests.controllers.conftest import MakePlane
from tests.support.control_plane import ControlPlane

STS = "statefulsets.apps"


@pytest.fixture
def plane(plane_of: MakePlane) -> ControlPlane:
    return plane_of(StatefulSetController)


def stateful_set(replicas: int = 3, image: str = "nginx:1", **spec: Any) -> Obj:
    base: Obj = {
        "replicas": replicas,
        "serviceName": "nginx",
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": image}]},
        },
    }
    return {"metadata": {"name": "web"}, "spec": base | spec}


def claims() -> Objects:
    resources = {"requests": {"storage": "1Gi"}}
    return [{"metadata": {"name": "www"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": resources}}]


def create(plane: ControlPlane, obj: Obj) -> None:
    plane.cluster.client.create(STS, obj, "default")
    plane.settle()


def get(plane: ControlPlane) -> Obj:
    return plane.cluster.client.get(STS, "web", "default")


def patch(plane: ControlPlane, change: Obj) -> None:
    plane.cluster.client.patch(STS, "web", change, "default")
    plane.settle()


def set_image(plane: ControlPlane, image: str) -> None:
    patch(plane, {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}})


def pods(plane: ControlPlane) -> Objects:
    found: Objects = plane.cluster.client.list("pods", "default")["items"]
    return sorted(found, key=lambda p: int(name(p).rpartition("-")[2]))


def names(plane: ControlPlane) -> list[str]:
    return [name(p) for p in pods(plane)]


def images(plane: ControlPlane) -> list[str]:
    return [p["spec"]["containers"][0]["image"].rpartition(":")[2] for p in pods(plane)]


def kinds(plane: ControlPlane, word: str) -> Objects:
    found: Objects = plane.cluster.client.list(word, "default")["items"]
    return sorted(found, key=name)


def revisions(plane: ControlPlane) -> list[int]:
    return sorted(r["revision"] for r in kinds(plane, "controllerrevisions.apps"))


def watch_events(plane: ControlPlane) -> list[str]:
    """What is going to happen to pods, in order: `+web-0`, `-web-1`."""
    seen: list[str] = []
    controller: Any = plane.controllers[0]
    real = controller.recorder.normal

    def note(owner: Obj, reason: str, message: str) -> None:
        real(owner, reason, message)
        seen.append({"SuccessfulCreate": "+", "SuccessfulDelete": "-"}[reason] + message.split()[2])

    controller.recorder.normal = note
    return seen


def not_ready(*sick: str) -> Callable[[Obj], bool]:
    return lambda pod: name(pod) not in sick


# ---------------------------------------------------------------------- identity


def test_pods_have_names_labels_and_a_place_in_dns(plane: ControlPlane) -> None:
    seen = watch_events(plane)
    create(plane, stateful_set())
    assert names(plane) == ["web-0", "web-1", "web-2"] and seen == ["+web-0", "+web-1", "+web-2"]
    for i, pod in enumerate(pods(plane)):
        labels = labels_of(pod)
        assert labels["statefulset.kubernetes.io/pod-name"] == f"web-{i}"
        assert labels["apps.kubernetes.io/pod-index"] == str(i) and labels["app"] == "web"
        assert labels["controller-revision-hash"] == get(plane)["status"]["currentRevision"]
        assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == (f"web-{i}", "nginx")
        assert (controller_of(pod) or {})["name"] == "web"
    status = dict(get(plane)["status"])
    assert status.pop("currentRevision") == status.pop("updateRevision")
    assert status == {
        "observedGeneration": 1,
        "replicas": 3,
        "readyReplicas": 3,
        "currentReplicas": 3,
        "updatedReplicas": 3,
        "availableReplicas": 3,
        "collisionCount": 0,
    }
    plane.assert_at_rest()


@pytest.mark.parametrize(("start", "replicas", "found"), [(5, 2, ["web-5", "web-6"]), (0, 1, ["web-0"]), (3, 0, [])])
def test_ordinals_start_where_they_are_told(plane: ControlPlane, start: int, replicas: int, found: list[str]) -> None:
    create(plane, stateful_set(replicas, ordinals={"start": start}))
    assert names(plane) == found
    plane.assert_at_rest()


def test_a_changed_start_moves_the_pods(plane: ControlPlane) -> None:
    create(plane, stateful_set(2))
    patch(plane, {"spec": {"ordinals": {"start": 1}}})
    assert names(plane) == ["web-1", "web-2"]
    plane.assert_at_rest()


def test_lost_labels_come_back(plane: ControlPlane) -> None:
    create(plane, stateful_set(1))
    change = {"metadata": {"labels": {"apps.kubernetes.io/pod-index": None}}}
    plane.cluster.client.patch("pods", "web-0", change, "default")
    plane.settle()
    assert labels_of(pods(plane)[0])["apps.kubernetes.io/pod-index"] == "0"


# ---------------------------------------------------------------------- order


def test_the_next_pod_waits_for_the_one_before(plane: ControlPlane) -> None:
    assert plane.kubelet
    plane.kubelet.ready = not_ready("web-1")
    create(plane, stateful_set(3))
    assert names(plane) == ["web-0", "web-1"]
    plane.assert_at_rest()
    plane.kubelet.ready = not_ready()
    plane.settle()
    assert names(plane) == ["web-0", "web-1", "web-2"]


def test_parallel_does_not_wait(plane: ControlPlane) -> None:
    assert plane.kubelet
    plane.kubelet.ready = not_ready("web-0")
    create(plane, stateful_set(3, podManagementPolicy="Parallel"))
    assert names(plane) == ["web-0", "web-1", "web-2"]
    patch(plane, {"spec": {"replicas": 1}})
    assert names(plane) == ["web-0"]
    plane.assert_at_rest()


@pytest.mark.parametrize("policy", ["OrderedReady", "Parallel"])
@pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 1), (2, 0), (0, 2)])
def test_scales(plane: ControlPlane, policy: str, before: int, after: int) -> None:
    create(plane, stateful_set(before, podManagementPolicy=policy))
    patch(plane, {"spec": {"replicas": after}})
    assert names(plane) == [f"web-{i}" for i in range(after)] and get(plane)["status"]["replicas"] == after
    plane.assert_at_rest()


def test_the_highest_goes_first_and_one_at_a_time(plane: ControlPlane) -> None:
    create(plane, stateful_set(4))
    seen = watch_events(plane)
    patch(plane, {"spec": {"replicas": 1}})
    assert seen == ["-web-3", "-web-2", "-web-1"]


def test_scaling_down_waits_for_pods_that_are_not_ready(plane: ControlPlane) -> None:
    create(plane, stateful_set(3))
    assert plane.kubelet
    plane.kubelet.ready = not_ready("web-0")
    plane.settle()
    patch(plane, {"spec": {"replicas": 1}})
    assert names(plane) == ["web-0", "web-1", "web-2"]
    plane.kubelet.ready = not_ready()
    plane.settle()
    assert names(plane) == ["web-0"]


def test_a_deleted_pod_comes_back_under_its_name(plane: ControlPlane) -> None:
    create(plane, stateful_set(3))
    before = uid(pods(plane)[1])
    plane.cluster.client.delete("pods", "web-1", "default")
    plane.settle()
    assert names(plane) == ["web-0", "web-1", "web-2"] and uid(pods(plane)[1]) != before
    plane.assert_at_rest()


def test_a_deletion_that_met_a_conflict_is_tried_again(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    create(plane, stateful_set(2))
    controller: Any = plane.controllers[0]
    real, refusals = controller.client.delete, [conflict("pods", "", "web-1", "not this one")]

    def delete(*args: Any, **more: Any) -> Obj:
        if refusals:
            raise refusals.pop()
        gone: Obj = real(*args, **more)
        return gone

    monkeypatch.setattr(controller.client, "delete", delete)
    plane.cluster.client.patch(STS, "web", {"spec": {"replicas": 1}}, "default")
    plane.settle()
    assert names(plane) == ["web-0"] and not refusals
    plane.assert_at_rest()


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_a_pod_that_has_ended_is_made_again(plane: ControlPlane, phase: str) -> None:
    create(plane, stateful_set(2))
    before = uid(pods(plane)[0])
    assert plane.kubelet
    plane.kubelet.finish(pods(plane)[0], phase)
    plane.settle()
    assert names(plane) == ["web-0", "web-1"] and uid(pods(plane)[0]) != before


def test_nothing_is_made_anew_before_the_old_pod_is_gone(plane: ControlPlane) -> None:
    create(plane, stateful_set(2))
    plane.kubelet = None
    plane.cluster.client.delete("pods", "web-0", "default")
    plane.settle()
    assert len(pods(plane)) == 2 and is_deleting(pods(plane)[0])
    plane.assert_at_rest()


def test_min_ready_seconds_slow_everything_down(plane: ControlPlane) -> None:
    create(plane, stateful_set(2, minReadySeconds=20))
    assert names(plane) == ["web-0"] and get(plane)["status"]["availableReplicas"] == 0
    plane.settle(18)
    assert names(plane) == ["web-0"]
    plane.settle(5)
    assert names(plane) == ["web-0", "web-1"]
    plane.settle(25)
    assert get(plane)["status"]["availableReplicas"] == 2
    plane.assert_at_rest()


# ---------------------------------------------------------------------- updates


def test_a_rolling_update_goes_from_the_highest_to_the_lowest(plane: ControlPlane) -> None:
    create(plane, stateful_set(3))
    old = get(plane)["status"]["currentRevision"]
    seen = watch_events(plane)
    set_image(plane, "nginx:2")
    assert images(plane) == ["2", "2", "2"]
    assert seen == ["-web-2", "+web-2", "-web-1", "+web-1", "-web-0", "+web-0"]
    status = get(plane)["status"]
    assert status["currentRevision"] == status["updateRevision"] != old and revisions(plane) == [1, 2]
    plane.assert_at_rest()


def test_an_update_that_does_not_get_ready_stops_at_its_first_pod(plane: ControlPlane) -> None:
    create(plane, stateful_set(3))
    assert plane.kubelet
    plane.kubelet.ready = lambda p: p["spec"]["containers"][0]["image"] != "nginx:bad"
    set_image(plane, "nginx:bad")
    assert images(plane) == ["1", "1", "bad"]
    status = get(plane)["status"]
    assert (status["currentReplicas"], status["updatedReplicas"], status["readyReplicas"]) == (2, 1, 2)
    assert status["currentRevision"] != status["updateRevision"]
    plane.assert_at_rest()
    set_image(plane, "nginx:1")
    assert images(plane) == ["1", "1", "bad"]  # as documented: a broken pod has to be deleted by hand
    plane.cluster.client.delete("pods", "web-2", "default")
    plane.settle()
    assert images(plane) == ["1", "1", "1"] and get(plane)["status"]["readyReplicas"] == 3


@pytest.mark.parametrize(("partition", "found"), [(0, "222"), (1, "122"), (2, "112"), (3, "111"), (9, "111")])
def test_a_partition_keeps_the_pods_below_it(plane: ControlPlane, partition: int, found: str) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}
    create(plane, stateful_set(3, updateStrategy=strategy))
    set_image(plane, "nginx:2")
    assert "".join(images(plane)) == found
    plane.assert_at_rest()
    plane.cluster.client.delete("pods", "web-0", "default")
    plane.settle()
    assert "".join(images(plane)) == found  # made again as it was
    plane.assert_at_rest()


def test_without_a_partition_a_pod_lost_during_an_update_is_made_as_it_was(plane: ControlPlane) -> None:
    create(plane, stateful_set(3, updateStrategy={"type": "RollingUpdate"}))
    assert plane.kubelet
    plane.kubelet.ready = lambda p: p["spec"]["containers"][0]["image"] != "nginx:bad"
    set_image(plane, "nginx:bad")
    plane.cluster.client.delete("pods", "web-0", "default")
    plane.settle()
    assert images(plane) == ["1", "1", "bad"]


@pytest.mark.parametrize(("unavailable", "first"), [(1, 1), (2, 2), ("50%", 2), ("10%", 1), (9, 4)])
def test_max_unavailable(plane: ControlPlane, unavailable: int | str, first: int) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": unavailable}}
    create(plane, stateful_set(4, updateStrategy=strategy, podManagementPolicy="Parallel"))
    kubelet, plane.kubelet = plane.kubelet, None
    set_image(plane, "nginx:2")
    assert sum(is_deleting(p) for p in pods(plane)) == first
    plane.kubelet = kubelet
    plane.settle()
    assert images(plane) == ["2"] * 4
    plane.assert_at_rest()


def test_on_delete_waits_for_somebody_to_delete(plane: ControlPlane) -> None:
    create(plane, stateful_set(2, updateStrategy={"type": "OnDelete"}))
    set_image(plane, "nginx:2")
    assert images(plane) == ["1", "1"]
    plane.cluster.client.delete("pods", "web-0", "default")
    plane.settle()
    assert images(plane) == ["2", "1"]
    status = get(plane)["status"]
    assert (status["currentReplicas"], status["updatedReplicas"]) == (1, 1)
    plane.assert_at_rest()


def test_going_back_to_a_template_renumbers_its_revision(plane: ControlPlane) -> None:
    create(plane, stateful_set(1))
    first = get(plane)["status"]["currentRevision"]
    set_image(plane, "nginx:2")
    set_image(plane, "nginx:1")
    assert get(plane)["status"]["currentRevision"] == first and revisions(plane) == [2, 3]
    plane.assert_at_rest()


def test_old_revisions_are_forgotten_but_those_in_use(plane: ControlPlane) -> None:
    create(plane, stateful_set(1, revisionHistoryLimit=2))
    for i in range(2, 7):
        set_image(plane, f"nginx:{i}")
    assert revisions(plane) == [4, 5, 6]


def test_undo_applies_a_revision(plane: ControlPlane) -> None:
    create(plane, stateful_set(2))
    set_image(plane, "nginx:2")
    assert plane.cluster.cli("rollout", "undo", "sts/web").code == 0
    plane.settle()
    assert images(plane) == ["1", "1"] and revisions(plane) == [2, 3]
    done = plane.cluster.cli("rollout", "status", "sts/web")
    assert done.out == "partitioned roll out complete: 2 new pods have been updated...\n"
    shown = plane.cluster.cli("rollout", "history", "sts/web").out
    assert [line.split()[0] for line in shown.splitlines() if line[:1].isdigit()] == ["2", "3"]


# ---------------------------------------------------------------------- claims


def test_each_pod_has_claims_of_its_own_and_keeps_them(plane: ControlPlane) -> None:
    create(plane, stateful_set(2, volumeClaimTemplates=claims()))
    found = kinds(plane, "persistentvolumeclaims")
    assert [name(c) for c in found] == ["www-web-0", "www-web-1"]
    assert labels_of(found[0]) == {"app": "web"} and not found[0]["metadata"].get("ownerReferences")
    volumes = [v for v in pods(plane)[1]["spec"]["volumes"] if "persistentVolumeClaim" in v]
    assert volumes == [{"name": "www", "persistentVolumeClaim": {"claimName": "www-web-1"}}]
    before = {uid(c) for c in found}
    patch(plane, {"spec": {"replicas": 0}})
    patch(plane, {"spec": {"replicas": 2}})
    assert {uid(c) for c in kinds(plane, "persistentvolumeclaims")} == before
    plane.assert_at_rest()


@pytest.mark.parametrize(
    ("scaled", "deleted", "after_scaling", "after_deletion"),
    [("Retain", "Retain", 2, 2), ("Delete", "Retain", 1, 1), ("Retain", "Delete", 2, 0), ("Delete", "Delete", 1, 0)],
)
def test_the_retention_policy(
    plane_of: MakePlane, scaled: str, deleted: str, after_scaling: int, after_deletion: int
) -> None:
    plane = plane_of(StatefulSetController, GarbageCollector)
    policy = {"whenScaled": scaled, "whenDeleted": deleted}
    templates = {"volumeClaimTemplates": claims(), "persistentVolumeClaimRetentionPolicy": policy}
    create(plane, stateful_set(2, **templates))
    for claim in kinds(plane, "persistentvolumeclaims"):  # nobody here takes their protection away
        plane.cluster.client.patch("persistentvolumeclaims", name(claim), {"metadata": {"finalizers": None}}, "default")
    plane.settle()
    patch(plane, {"spec": {"replicas": 1}})
    assert len(kinds(plane, "persistentvolumeclaims")) == after_scaling
    plane.cluster.client.delete(STS, "web", "default", options=DeleteOptions(propagation="Background"))
    plane.settle()
    assert len(kinds(plane, "persistentvolumeclaims")) == after_deletion and not pods(plane)


# ---------------------------------------------------------------------- ownership


def test_only_orphans_with_a_proper_name_are_adopted(plane: ControlPlane) -> None:
    body = {"containers": [{"name": "main", "image": "nginx:1"}]}
    for title in ("web-1", "web-x", "other-0"):
        meta = {"name": title, "labels": {"app": "web"}}
        plane.cluster.client.create("pods", {"metadata": meta, "spec": body}, "default")
    create(plane, stateful_set(2))
    owned = [name(p) for p in plane.cluster.client.list("pods", "default")["items"] if controller_of(p)]
    assert sorted(owned) == ["web-0", "web-1"]
    plane.assert_at_rest()


def test_what_is_being_deleted_makes_no_pods(plane: ControlPlane) -> None:
    create(plane, stateful_set(2))
    plane.cluster.client.delete(STS, "web", "default", options=DeleteOptions(propagation="Foreground"))
    plane.cluster.client.delete("pods", "web-0", "default")
    plane.settle()
    assert names(plane) == ["web-1"]


def test_pods_that_have_ended_do_not_keep_it_from_scaling_down(plane: ControlPlane) -> None:
    create(plane, stateful_set(3))
    assert plane.kubelet
    patch(plane, {"metadata": {"labels": {"x": "y"}}})
    for pod in pods(plane)[1:]:
        plane.kubelet.finish(pod, "Failed")
    plane.cluster.client.patch(STS, "web", {"spec": {"replicas": 1}}, "default")
    plane.settle()
    assert names(plane) == ["web-0"]
