"""Which pods are deleted first: each rule alone, and the order of the rules."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.meta import Obj, name
from minikctl.controllers.common.ranking import deletion_cost, pods_to_delete
from tests.controllers.objects import NOW, pod


def first(*pods: Obj, related: list[Obj] | None = None) -> str:
    """The pod that goes first, the same however they are given."""
    picked = {
        name(pods_to_delete(list(order), related if related is not None else list(pods), 1, NOW)[0])
        for order in (pods, pods[::-1])
    }
    assert len(picked) == 1
    return picked.pop()


PENDING: dict[str, Any] = {"phase": "Pending", "ready": None}

CASES = {
    "unassigned": (pod("a", node="", **PENDING), pod("b", **PENDING)),
    "unassigned though older": (pod("a", node="", age=9999, **PENDING), pod("b", age=1, **PENDING)),
    "pending before running": (pod("a", **PENDING), pod("b", ready=None)),
    "pending before unknown": (pod("a", **PENDING), pod("b", phase="Unknown", ready=None)),
    "unknown before running": (pod("a", phase="Unknown", ready=None), pod("b", ready=None)),
    "not ready": (pod("a", ready=None), pod("b")),
    "not ready though dearer": (pod("a", ready=None, cost="100"), pod("b", cost="-100")),
    "cheaper": (pod("a", cost="-1"), pod("b")),
    "cheaper than the default": (pod("a"), pod("b", cost="5")),
    "a cost that is no number is 0": (pod("a", cost="-2"), pod("b", cost="-02")),
    "younger readiness": (pod("a", ready=10), pod("b", ready=100)),
    "ready just now": (pod("a", ready=0), pod("b", ready=1)),
    "same magnitude: uid decides": (pod("a", ready=100), pod("b", ready=90)),
    "more restarts": (pod("a", restarts=3), pod("b", restarts=1)),
    "more restarts though older": (pod("a", restarts=3, age=500), pod("b", restarts=1, age=100)),
    "newer": (pod("a", age=10), pod("b", age=1000)),
    "newer of the same magnitude: uid decides": (pod("a", age=1000), pod("b", age=900)),
    "newer among the not ready": (pod("a", ready=None, age=10), pod("b", ready=None, age=1000)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_first_of_two_goes(case: str) -> None:
    a, b = CASES[case]
    assert first(a, b) == "a"


def test_the_crowded_node_is_thinned_out() -> None:
    pods = [pod("a", node="crowded", ready=1000), pod("b", node="lonely", ready=10), pod("c", node="crowded")]
    assert first(pods[0], pods[1], related=pods) == "a"


def test_pods_of_sibling_replica_sets_crowd_a_node_but_ended_ones_do_not() -> None:
    mine = [pod("a", node="n1", ready=1000), pod("b", node="n2", ready=10)]
    sibling = pod("s", node="n1")
    assert first(*mine, related=[*mine, sibling]) == "a"
    assert first(*mine, related=[*mine, {**sibling, "status": {"phase": "Succeeded"}}]) == "b"


def test_cost_comes_before_crowding() -> None:
    pods = [pod("a", node="lonely", cost="-1"), pod("b", node="crowded"), pod("c", node="crowded")]
    assert first(*pods) == "a"


def test_restarts_of_sidecars_count_after_those_of_containers() -> None:
    def with_sidecar(name: str, restarts: int, sidecar: int) -> Obj:
        base = pod(name, restarts=restarts)
        base["spec"]["initContainers"] = [{"name": "side", "restartPolicy": "Always"}, {"name": "init"}]
        base["status"]["initContainerStatuses"] = [
            {"name": "side", "restartCount": sidecar},
            {"name": "init", "restartCount": 50},
        ]
        return base

    assert first(with_sidecar("a", 1, 2), with_sidecar("b", 1, 1)) == "a"
    assert first(with_sidecar("a", 2, 0), with_sidecar("b", 1, 9)) == "a"


def test_a_whole_order() -> None:
    ordered = [
        pod("unassigned", node="", **PENDING),
        pod("pending", **PENDING),
        pod("unknown", phase="Unknown", ready=None, node="n2"),
        pod("unready", ready=None, node="n3"),
        pod("cheap", cost="-5", node="n4"),
        pod("young", ready=2, node="n5"),
        pod("restarted", ready=5000, restarts=2, node="n6"),
        pod("old", ready=5000, node="n7"),
    ]
    given = sorted(ordered, key=lambda p: p["metadata"]["uid"], reverse=True)
    for count in range(1, len(ordered) + 1):
        picked = pods_to_delete(given, given, count, NOW)
        assert {name(p) for p in picked} == {name(p) for p in ordered[:count]}


@pytest.mark.parametrize(
    ("text", "cost"),
    [("7", 7), ("-7", -7), ("+7", 7), ("0", 0), ("007", 0), ("x", 0), ("1.5", 0), ("", 0), ("99999999999", 0)],
)
def test_deletion_cost(text: str, cost: int) -> None:
    assert deletion_cost(pod("a", cost=text)) == cost
