"""The DaemonSet controller on a cluster without processes, and its decisions on dicts."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.meta import Obj, Objects, controller_of, is_deleting, labels_of, name, uid
from minikctl.client import DeleteOptions
from minikctl.controllers.daemon_set import DaemonSetController, decisions, placement
from minikctl.controllers.daemon_set.backoff import Backoff
from minikctl.controllers.garbage_collector import GarbageCollector
from tests.controllers.conftest import MakePlane
from tests.controllers.objects import NOW
from tests.controllers.objects import pod as cached_pod
from tests.support.control_plane import ControlPlane
from tests.support.nodes import untainted

DS = "daemonsets.apps"


@pytest.fixture
def plane(plane_of: MakePlane) -> ControlPlane:
    return plane_of(DaemonSetController)


def daemon_set(image: str = "fluentd:1", pod: Obj | None = None, **spec: Any) -> Obj:
    base: Obj = {
        "selector": {"matchLabels": {"app": "log"}},
        "template": {
            "metadata": {"labels": {"app": "log"}},
            "spec": {"containers": [{"name": "main", "image": image}]} | (pod or {}),
        },
    }
    return {"metadata": {"name": "log"}, "spec": base | spec}


def rolling(**limits: Any) -> Obj:
    return {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": limits}}


def create(plane: ControlPlane, obj: Obj) -> None:
    plane.cluster.client.create(DS, obj, "default")
    plane.settle()


def get(plane: ControlPlane) -> Obj:
    return plane.cluster.client.get(DS, "log", "default")


def status(plane: ControlPlane) -> Obj:
    return get(plane)["status"] | {}


def set_image(plane: ControlPlane, image: str) -> None:
    change = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}}
    plane.cluster.client.patch(DS, "log", change, "default")
    plane.settle()


def pods(plane: ControlPlane) -> Objects:
    found: Objects = plane.cluster.client.list("pods", "default")["items"]
    return sorted(found, key=lambda p: (placement.target(p), name(p)))


def where(plane: ControlPlane) -> list[str]:
    return [placement.target(p) for p in pods(plane) if not is_deleting(p)]


def images(plane: ControlPlane) -> str:
    return "".join(p["spec"]["containers"][0]["image"].rpartition(":")[2] for p in pods(plane))


def patch_node(plane: ControlPlane, node: str, change: Obj) -> None:
    plane.cluster.client.patch("nodes", node, change)
    plane.settle()


def taint(plane: ControlPlane, node: str, effect: str) -> None:
    patch_node(plane, node, {"spec": {"taints": [{"key": "dedicated", "value": "x", "effect": effect}]}})


ALL = ["node-1", "node-2", "node-3"]

# ---------------------------------------------------------------------- placement


def test_every_node_has_its_pod(plane: ControlPlane) -> None:
    create(plane, daemon_set())
    assert where(plane) == ALL
    (first, *_) = pods(plane)
    assert first["spec"]["nodeName"] == "node-1" and (controller_of(first) or {})["name"] == "log"
    assert labels_of(first)["pod-template-generation"] == "1" and labels_of(first)["controller-revision-hash"]
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]}
    assert first["spec"]["affinity"]["nodeAffinity"] == {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}
    }
    assert status(plane) == {
        "currentNumberScheduled": 3,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 3,
        "numberReady": 3,
        "observedGeneration": 1,
        "updatedNumberScheduled": 3,
        "numberAvailable": 3,
    }
    plane.assert_at_rest()


def test_a_new_node_gets_its_pod_and_a_lost_one_is_not_missed(plane: ControlPlane) -> None:
    create(plane, daemon_set())
    assert plane.kubelet
    plane.kubelet.nodes = (*ALL, "node-4")
    untainted(plane.cluster.client, {"metadata": {"name": "node-4"}})
    plane.settle()
    assert where(plane) == [*ALL, "node-4"] and status(plane)["desiredNumberScheduled"] == 4
    plane.cluster.client.delete("nodes", "node-4")
    plane.settle()
    assert status(plane)["desiredNumberScheduled"] == 3
    plane.assert_at_rest()


@pytest.mark.parametrize(
    ("pod", "found"),
    [
        ({"nodeSelector": {"disk": "ssd"}}, ["node-2"]),
        ({"nodeSelector": {"disk": "none"}}, []),
        (
            {
                "affinity": {
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "DoesNotExist"}]}]
                        }
                    }
                }
            },
            ["node-1", "node-3"],
        ),
        ({"nodeName": "node-3"}, ["node-3"]),
        ({"tolerations": [{"operator": "Exists"}]}, ALL),
    ],
)
def test_only_the_nodes_that_it_is_for(plane: ControlPlane, pod: Obj, found: list[str]) -> None:
    patch_node(plane, "node-2", {"metadata": {"labels": {"disk": "ssd"}}})
    create(plane, daemon_set(pod=pod))
    assert where(plane) == found and status(plane)["desiredNumberScheduled"] == len(found)
    plane.assert_at_rest()


@pytest.mark.parametrize(
    ("effect", "when", "found", "astray"),
    [
        ("NoSchedule", "before", ["node-1", "node-3"], 0),
        ("NoExecute", "before", ["node-1", "node-3"], 0),
        ("PreferNoSchedule", "before", ALL, 0),
        ("NoSchedule", "after", ALL, 1),
        ("NoExecute", "after", ["node-1", "node-3"], 0),
    ],
)
def test_taints(plane: ControlPlane, effect: str, when: str, found: list[str], astray: int) -> None:
    if when == "before":
        taint(plane, "node-2", effect)
    create(plane, daemon_set())
    if when == "after":
        taint(plane, "node-2", effect)
    assert where(plane) == found and status(plane)["numberMisscheduled"] == astray
    plane.assert_at_rest()


@pytest.mark.parametrize("key", ["not-ready", "unreachable", "disk-pressure", "unschedulable", "memory-pressure"])
def test_daemons_stay_where_others_have_to_leave(plane: ControlPlane, key: str) -> None:
    effect = "NoExecute" if key in ("not-ready", "unreachable") else "NoSchedule"
    patch_node(plane, "node-1", {"spec": {"taints": [{"key": f"node.kubernetes.io/{key}", "effect": effect}]}})
    create(plane, daemon_set())
    assert where(plane) == ALL


def test_a_label_that_changes_moves_pods(plane: ControlPlane) -> None:
    create(plane, daemon_set(pod={"nodeSelector": {"disk": "ssd"}}))
    assert where(plane) == []
    patch_node(plane, "node-2", {"metadata": {"labels": {"disk": "ssd"}}})
    assert where(plane) == ["node-2"]
    patch_node(plane, "node-2", {"metadata": {"labels": {"disk": None}}})
    assert where(plane) == []
    plane.assert_at_rest()


def test_a_deleted_pod_comes_back_on_its_node(plane: ControlPlane) -> None:
    create(plane, daemon_set())
    gone = pods(plane)[1]
    plane.cluster.client.delete("pods", name(gone), "default")
    plane.settle()
    assert where(plane) == ALL and uid(gone) not in {uid(p) for p in pods(plane)}
    plane.assert_at_rest()


@pytest.mark.parametrize(("phase", "reason"), [("Failed", "FailedDaemonPod"), ("Succeeded", "SucceededDaemonPod")])
def test_a_pod_that_has_ended_is_replaced(plane: ControlPlane, phase: str, reason: str) -> None:
    create(plane, daemon_set())
    assert plane.kubelet
    ended = pods(plane)[0]
    plane.kubelet.finish(ended, phase)
    plane.settle(2)
    assert where(plane) == ALL and uid(ended) not in {uid(p) for p in pods(plane)}
    assert reason in {e["reason"] for e in plane.cluster.client.list("events", "default")["items"]}


def test_pods_that_fail_at_once_are_replaced_less_and_less_often(plane: ControlPlane) -> None:
    create(plane, daemon_set(pod={"nodeName": "node-1"}))
    assert plane.kubelet
    times: list[float] = []
    for _ in range(5):
        failed = pods(plane)[0]
        plane.kubelet.finish(failed, "Failed")
        begin = plane.clock.monotonic()
        for _ in range(200):
            plane.settle(0.5)
            if uid(pods(plane)[0]) != uid(failed):
                break
        times.append(plane.clock.monotonic() - begin)
    assert times[0] < 1.1 and times == sorted(times) and times[4] > 6


def test_back_off_doubles_and_forgets() -> None:
    backoff, now = Backoff(), 0.0
    delays = []
    for _ in range(13):
        backoff.next("x/1/node", now)
        delays.append(backoff.remaining("x/1/node", now))
        now += delays[-1]
    assert delays[:5] == [1, 2, 4, 8, 16] and delays[-1] == 900
    backoff.next("x/1/node", now + 5000)
    assert backoff.remaining("x/1/node", now + 5000) == 1
    backoff.forget("x")
    assert backoff.remaining("x/1/node", now + 5000) == 0


def test_two_pods_on_one_node_are_one_too_many(plane: ControlPlane) -> None:
    create(plane, daemon_set())
    orphan = {
        "metadata": {"name": "zz", "labels": {"app": "log"}},
        "spec": {"nodeName": "node-2", "containers": [{"name": "main", "image": "x"}]},
    }
    plane.cluster.client.create("pods", orphan, "default")
    plane.settle()
    assert where(plane) == ALL and "zz" not in {name(p) for p in pods(plane)}
    plane.assert_at_rest()


def test_min_ready_seconds(plane: ControlPlane) -> None:
    create(plane, daemon_set(minReadySeconds=20))
    assert status(plane)["numberReady"] == 3 and status(plane)["numberUnavailable"] == 3
    plane.settle(25)
    assert status(plane)["numberAvailable"] == 3 and "numberUnavailable" not in status(plane)
    plane.assert_at_rest()


# ---------------------------------------------------------------------- updates


@pytest.mark.parametrize(
    ("limits", "first"),
    [({}, 1), ({"maxUnavailable": 2}, 2), ({"maxUnavailable": "50%"}, 2), ({"maxUnavailable": "100%"}, 3)],
)
def test_a_rolling_update_takes_so_many_at_a_time(plane: ControlPlane, limits: Obj, first: int) -> None:
    create(plane, daemon_set(**rolling(**limits)))
    kubelet, plane.kubelet = plane.kubelet, None
    set_image(plane, "fluentd:2")
    assert sum(is_deleting(p) for p in pods(plane)) == first
    plane.kubelet = kubelet
    plane.settle()
    assert images(plane) == "222" and where(plane) == ALL
    assert labels_of(pods(plane)[0])["pod-template-generation"] == "2"
    plane.assert_at_rest()


def test_a_surge_makes_the_new_pod_before_the_old_one_goes(plane: ControlPlane) -> None:
    create(plane, daemon_set(**rolling(maxSurge=1, maxUnavailable=0)))
    assert plane.kubelet
    plane.kubelet.ready = lambda p: not p["spec"]["containers"][0]["image"].endswith("2")
    set_image(plane, "fluentd:2")
    assert sorted(images(plane)) == list("1112") and status(plane)["numberAvailable"] == 3
    plane.assert_at_rest()
    plane.kubelet.ready = lambda _p: True
    plane.settle()
    assert images(plane) == "222" and where(plane) == ALL
    plane.assert_at_rest()


def test_a_bad_template_stops_the_update(plane: ControlPlane) -> None:
    create(plane, daemon_set())
    assert plane.kubelet
    plane.kubelet.ready = lambda p: not p["spec"]["containers"][0]["image"].endswith("2")
    set_image(plane, "fluentd:2")
    assert sorted(images(plane)) == list("112") and status(plane)["updatedNumberScheduled"] == 1
    plane.assert_at_rest()
    set_image(plane, "fluentd:1")
    assert images(plane) == "111"  # what is no good goes at once


def test_on_delete(plane: ControlPlane) -> None:
    create(plane, daemon_set(updateStrategy={"type": "OnDelete"}))
    set_image(plane, "fluentd:2")
    assert images(plane) == "111"
    plane.cluster.client.delete("pods", name(pods(plane)[1]), "default")
    plane.settle()
    assert images(plane) == "121" and status(plane)["updatedNumberScheduled"] == 1
    plane.assert_at_rest()


def test_history_status_and_undo(plane: ControlPlane) -> None:
    create(plane, daemon_set())
    set_image(plane, "fluentd:2")
    cli = plane.cluster.cli
    shown = [line.split()[0] for line in cli("rollout", "history", "ds/log").out.splitlines()[2:] if line]
    assert shown == ["1", "2"]
    assert cli("rollout", "undo", "ds/log", "--to-revision=1").out == "daemonset.apps/log rolled back\n"
    plane.settle()
    assert images(plane) == "111"
    assert cli("rollout", "status", "ds/log").out == 'daemon set "log" successfully rolled out\n'
    shown = [line.split()[0] for line in cli("rollout", "history", "ds/log").out.splitlines()[2:] if line]
    assert shown == ["2", "3"]
    plane.assert_at_rest()


def test_old_revisions_are_forgotten(plane: ControlPlane) -> None:
    create(plane, daemon_set(revisionHistoryLimit=1))
    for i in range(2, 6):
        set_image(plane, f"fluentd:{i}")
    found = plane.cluster.client.list("controllerrevisions.apps", "default")["items"]
    assert sorted(r["revision"] for r in found) == [4, 5]


def test_deletion_takes_all_along(plane_of: MakePlane) -> None:
    plane = plane_of(DaemonSetController, GarbageCollector)
    create(plane, daemon_set())
    plane.cluster.client.delete(DS, "log", "default", options=DeleteOptions(propagation="Foreground"))
    plane.settle()
    assert not pods(plane) and not plane.cluster.client.list("controllerrevisions.apps", "default")["items"]


# ---------------------------------------------------------------------- decisions


def node(title: str, *, taints: Objects | None = None, **labels: str) -> Obj:
    return {"metadata": {"name": title, "labels": labels}, "spec": {"taints": taints or []}}


def member(title: str, on: str, hash_: str = "new", *, ready: float | None = 100, **more: Any) -> Obj:
    return cached_pod(title, node=on, ready=ready, labels={"controller-revision-hash": hash_}, **more)


NODES = [node("a"), node("b"), node("c")]
DOOMED = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("fields", "members", "create", "delete"),
    [
        ({}, [], ["a", "b", "c"], []),
        ({}, [member("1", "a"), member("2", "b"), member("3", "c")], [], []),
        ({}, [member("1", "a"), member("2", "b")], ["c"], []),
        ({}, [member("1", "a"), member("2", "b"), member("3", "c", **DOOMED)], [], []),
        ({}, [member(x, x) for x in "abc"] + [member("4", "b", age=5)], [], ["4"]),
        ({}, [member("a", "a"), member("b", "b"), member("c", "c", phase="Failed")], [], ["c"]),
        ({}, [member(x, x) for x in "abc"] + [member("z", "gone")], [], []),
        (
            rolling(maxSurge=1, maxUnavailable=0),
            [member("a", "a"), member("b", "b"), member("c", "c", **DOOMED)],
            ["c"],
            [],
        ),
    ],
)
def test_what_nodes_need(fields: Obj, members: Objects, create: list[str], delete: list[str]) -> None:
    plan = decisions.manage(daemon_set(**fields), NODES, members, "new", NOW)
    assert (plan.create, [name(p) for p in plan.delete]) == (create, delete)


OLD = [member(x, x, "old") for x in "abc"]


@pytest.mark.parametrize(
    ("limits", "members", "create", "delete"),
    [
        ({"maxUnavailable": 1}, OLD, [], ["a"]),
        ({"maxUnavailable": 2}, OLD, [], ["a", "b"]),
        ({"maxUnavailable": 1}, [*OLD[:2], member("c", "c", ready=None)], [], []),
        ({"maxUnavailable": 1}, [*OLD[:2], member("c", "c", "old", ready=None)], [], ["c"]),
        ({"maxUnavailable": 2}, [*OLD[:2], member("c", "c", "old", ready=None)], [], ["c", "a"]),
        ({"maxUnavailable": 1}, [*OLD[:2], member("c", "c", "old", **DOOMED)], [], []),
        ({"maxUnavailable": 0, "maxSurge": 1}, OLD, ["a"], []),
        ({"maxUnavailable": 0, "maxSurge": 2}, OLD, ["a", "b"], []),
        ({"maxUnavailable": 0, "maxSurge": 1}, [*OLD, member("n", "b", ready=None)], [], []),
        ({"maxUnavailable": 0, "maxSurge": 1}, [*OLD, member("n", "b")], ["a"], ["b"]),
        ({"maxUnavailable": 0, "maxSurge": 1}, [*OLD[:2], member("c", "c", "old", ready=None)], ["c", "a"], []),
        ({"maxUnavailable": 0, "maxSurge": 0}, OLD, [], ["a"]),
        # a node that is gone: nothing is made for it, and its pod costs no other node its turn
        ({"maxUnavailable": 0, "maxSurge": 1}, [member("z", "gone", "old", ready=None)], [], []),
        ({"maxUnavailable": 1}, [*OLD, member("z", "gone", "old", ready=None)], [], ["a"]),
    ],
)
def test_the_next_step_of_an_update(limits: Obj, members: Objects, create: list[str], delete: list[str]) -> None:
    plan = decisions.roll(daemon_set(**rolling(**limits)), NODES, members, "new", NOW)
    assert (plan.create, [name(p) for p in plan.delete]) == (create, delete)


def test_tolerations_of_ones_own_are_kept() -> None:
    own = [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}]
    found = placement.tolerations({"tolerations": [*own, {"key": "gpu", "operator": "Exists"}], "hostNetwork": True})
    assert found[0] == {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}
    assert found[1]["key"] == "gpu" and found[-1]["key"] == "node.kubernetes.io/network-unavailable"
    assert len(found) == 8
