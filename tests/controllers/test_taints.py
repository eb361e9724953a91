"""Nodes are tainted by their conditions, and pods leave nodes that they do not tolerate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from minikctl.api.meta import Obj, condition, is_deleting, name
from minikctl.controllers.common import taints
from minikctl.controllers.node_lifecycle import NodeLifecycleController
from minikctl.controllers.taint_eviction import TaintEvictionController, seconds_left
from tests.controllers.conftest import MakePlane
from tests.controllers.objects import template
from tests.controllers.test_nodes import renew
from tests.support.control_plane import ControlPlane

NOW = datetime(2026, 1, 1, 0, 1, 0, tzinfo=UTC)
NO_SCHEDULE, NO_EXECUTE = "NoSchedule", "NoExecute"


def node(*conditions: tuple[str, str], own: list[Obj] | None = None, **spec: object) -> Obj:
    given = [{"type": k, "status": s} for k, s in conditions]
    return {
        "metadata": {"name": "n"},
        "spec": {**({"taints": own} if own else {}), **spec},
        "status": {"conditions": given},
    }


CONDITIONS = [
    ([("Ready", "True")], {}, []),
    ([("Ready", "False")], {}, ["not-ready:NoSchedule", "not-ready:NoExecute"]),
    ([("Ready", "Unknown")], {}, ["unreachable:NoSchedule", "unreachable:NoExecute"]),
    ([("Ready", "True"), ("MemoryPressure", "True")], {}, ["memory-pressure:NoSchedule"]),
    ([("DiskPressure", "True"), ("PIDPressure", "True")], {}, ["disk-pressure:NoSchedule", "pid-pressure:NoSchedule"]),
    ([("NetworkUnavailable", "True")], {}, ["network-unavailable:NoSchedule"]),
    ([("DiskPressure", "Unknown"), ("MemoryPressure", "False")], {}, []),
    ([("Ready", "True")], {"unschedulable": True}, ["unschedulable:NoSchedule"]),
]


@pytest.mark.parametrize(("conditions", "spec", "expected"), CONDITIONS)
def test_which_taints_conditions_call_for(conditions: list[tuple[str, str]], spec: Obj, expected: list[str]) -> None:
    found = taints.with_taints(node(*conditions, **spec), "now", evict=True) or []
    assert sorted(f"{t['key'].partition('/')[2]}:{t['effect']}" for t in found) == sorted(expected)
    assert all(t["timeAdded"] == "now" for t in found)


def test_taints_of_others_stay_and_own_ones_go() -> None:
    mine = {"key": "golden", "effect": NO_EXECUTE}
    foreign = {"key": taints.NOT_READY, "effect": "PreferNoSchedule"}
    old = [{"key": taints.NOT_READY, "effect": e} for e in (NO_SCHEDULE, NO_EXECUTE)]
    assert taints.with_taints(node(("Ready", "True"), own=[mine, *old, foreign]), "now", evict=True) == [mine, foreign]
    assert taints.with_taints(node(("Ready", "False"), own=[mine, *old]), "now", evict=True) is None
    assert taints.with_taints(node(("Ready", "False"), own=[mine, *old]), "now", evict=False) == [mine, old[0]]


def tolerate(key: str = "a", seconds: int | None = None) -> Obj:
    return {"key": key, "operator": "Exists", **({} if seconds is None else {"tolerationSeconds": seconds})}


A = {"key": "a", "effect": NO_EXECUTE, "timeAdded": "2026-01-01T00:00:00Z"}
B = {"key": "b", "effect": NO_EXECUTE}
STAYS = [
    ([], [], None),
    ([A], [], 0),
    ([A], [tolerate()], None),
    ([A], [tolerate(seconds=90)], 30),
    ([A], [tolerate(seconds=60)], 0),
    ([A], [tolerate(seconds=-5)], -60),
    ([B], [tolerate("b", 90)], 90),
    ([A, B], [tolerate(seconds=90), tolerate("b", 10)], 10),
    ([A, B], [tolerate(seconds=90)], 0),
    ([A, B], [tolerate(), tolerate("b", 10)], 10),
]


@pytest.mark.parametrize(("given", "tolerations", "expected"), STAYS)
def test_how_long_a_pod_may_stay(given: list[Obj], tolerations: list[Obj], expected: float | None) -> None:
    assert seconds_left(given, tolerations, NOW) == expected


def test_a_taint_that_does_not_say_since_when() -> None:
    """A person's: kubectl writes no time."""
    noticed = NOW - timedelta(seconds=7)
    assert seconds_left([B], [tolerate("b", 10)], NOW, noticed) == 3
    assert seconds_left([A, B], [tolerate(seconds=90), tolerate("b", 40)], NOW, noticed) == 30


# ---------------------------------------------------------------------- the controllers


@pytest.fixture
def plane(plane_of: MakePlane) -> ControlPlane:
    return plane_of(NodeLifecycleController, TaintEvictionController)


def make_pod(plane: ControlPlane, name_: str, *, seconds: int | None = 300, everything: bool = False) -> None:
    keys = [taints.NOT_READY, taints.UNREACHABLE]
    given = [{**tolerate(k, seconds), "effect": NO_EXECUTE} for k in keys]
    spec = {
        **template()["spec"],
        "nodeName": "node-1",
        "tolerations": [{"operator": "Exists"}] if everything else given,
    }
    plane.cluster.client.create("pods", {"metadata": {"name": name_}, "spec": spec}, "default")


def going(plane: ControlPlane) -> list[str]:
    return [name(p) for p in plane.cluster.client.list("pods", "default")["items"] if is_deleting(p)]


def keys_of(plane: ControlPlane, node_name: str = "node-1") -> list[str]:
    found = plane.cluster.client.get("nodes", node_name)["spec"].get("taints") or []
    return [f"{t['key'].partition('/')[2]}:{t['effect']}" for t in found]


def pass_time(plane: ControlPlane, seconds: int, *alive: str) -> None:
    """These nodes go on renewing their leases."""
    for _ in range(seconds // 10):
        for each in alive:
            renew(plane, each)
        plane.settle(10)


def test_a_node_that_falls_silent_loses_its_pods(plane: ControlPlane) -> None:
    for each in ("node-1", "node-2", "node-3"):
        renew(plane, each)
    make_pod(plane, "soon", seconds=30)
    make_pod(plane, "later")
    make_pod(plane, "daemon", everything=True)
    plane.settle()
    plane.kubelet = None
    pass_time(plane, 50, "node-2", "node-3")
    assert keys_of(plane) == ["unreachable:NoSchedule", "unreachable:NoExecute"] and keys_of(plane, "node-2") == []
    assert going(plane) == []
    pass_time(plane, 40, "node-2", "node-3")
    assert going(plane) == ["soon"]
    disrupted = condition(plane.cluster.client.get("pods", "soon", "default"), "DisruptionTarget") or {}
    assert (disrupted["status"], disrupted["reason"]) == ("True", "DeletionByTaintManager")
    pass_time(plane, 270, "node-2", "node-3")
    assert going(plane) == ["later", "soon"]
    reasons = {(e["reason"], e["message"]) for e in plane.cluster.client.list("events", "default")["items"]}
    assert ("TaintManagerEviction", "Marking for deletion Pod default/later") in reasons


def test_a_node_that_comes_back_in_time_keeps_its_pods(plane: ControlPlane) -> None:
    make_pod(plane, "web")
    pass_time(plane, 60, "node-2")
    assert "unreachable:NoExecute" in keys_of(plane)
    renew(plane)
    client = plane.cluster.client
    found = client.get("nodes", "node-1")
    ready = {"conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]}
    client.update("nodes", {**found, "status": ready}, subresource="status")
    pass_time(plane, 300, "node-1", "node-2")
    assert keys_of(plane) == [] and going(plane) == []
    messages = [e["message"] for e in client.list("events", "default")["items"]]
    assert "Cancelling deletion of Pod default/web" in messages


def test_when_no_node_is_ready_nobody_is_driven_away(plane: ControlPlane) -> None:
    make_pod(plane, "web")
    plane.settle()
    plane.kubelet = None
    pass_time(plane, 400)
    assert {tuple(keys_of(plane, f"node-{i}")) for i in (1, 2, 3)} == {("unreachable:NoSchedule",)} and going(
        plane
    ) == []
    plane.assert_at_rest()


def test_a_person_s_no_execute_taint_counts_at_once(plane: ControlPlane) -> None:
    make_pod(plane, "web")
    make_pod(plane, "tough", everything=True)
    taint = {"key": "gone", "effect": NO_EXECUTE}
    plane.cluster.client.patch("nodes", "node-1", {"spec": {"taints": [taint]}})
    plane.settle()
    left = [name(p) for p in plane.cluster.client.list("pods", "default")["items"] if not is_deleting(p)]
    assert left == ["tough"]


def test_cordon_is_a_taint_too(plane: ControlPlane) -> None:
    plane.cluster.client.patch("nodes", "node-1", {"spec": {"unschedulable": True}})
    plane.settle()
    assert keys_of(plane) == ["unschedulable:NoSchedule"]
    plane.cluster.client.patch("nodes", "node-1", {"spec": {"unschedulable": None}})
    plane.settle()
    assert keys_of(plane) == []
    assert "taints" not in plane.cluster.client.get("nodes", "node-1")["spec"]
