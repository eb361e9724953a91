"""What a PodDisruptionBudget allows, as functions. Each case says in words what Kubernetes documents ("Disruptions")."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from minikctl.api.meta import Obj, Objects, condition, name
from minikctl.api.policy import disruption
from tests.controllers.objects import NOW, ago, pod

READY, SICK = {"ready": 100.0}, {"ready": None}


def pods(healthy: int, sick: int = 0, leaving: int = 0) -> Objects:
    """p0, p1, …: those that are ready, then those that are not, then ready ones that are being deleted."""
    made = [pod(f"p{i}", labels={"app": "web"}, **READY) for i in range(healthy)]
    made += [pod(f"p{healthy + i}", labels={"app": "web"}, **SICK) for i in range(sick)]
    gone = {"deletionTimestamp": ago(1)}
    return made + [pod(f"p{healthy + sick + i}", labels={"app": "web"}, **READY, **gone) for i in range(leaving)]


@dataclass
class Case:
    """expected: how many pods the owners ask for. found: (allowed, healthy, desired)."""

    words: str
    spec: Obj
    pods: Objects
    expected: int
    found: tuple[int, int, int]
    noted: dict[str, float] = field(default_factory=dict)
    """Evictions that the status remembers: pod, seconds ago."""


CASES = [
    Case("three of five must be there, two may go", {"minAvailable": 3}, pods(5), 5, (2, 5, 3)),
    Case("as many as there are must be there: none may go", {"minAvailable": 5}, pods(5), 5, (0, 5, 5)),
    Case("more are asked for than there are: none may go", {"minAvailable": 9}, pods(5), 5, (0, 5, 9)),
    Case("none must be there: all may go", {"minAvailable": 0}, pods(5), 5, (5, 5, 0)),
    Case("a percentage that must be there is rounded up", {"minAvailable": "50%"}, pods(7), 7, (3, 7, 4)),
    Case("all must be there, as a percentage", {"minAvailable": "100%"}, pods(4), 4, (0, 4, 4)),
    Case("none must be there, as a percentage", {"minAvailable": "0%"}, pods(4), 4, (4, 4, 0)),
    Case("one percent of a hundred and one is two", {"minAvailable": "1%"}, pods(101), 101, (99, 101, 2)),
    Case("one at a time", {"maxUnavailable": 1}, pods(5), 5, (1, 5, 4)),
    Case("none may be missing", {"maxUnavailable": 0}, pods(5), 5, (0, 5, 5)),
    Case("more may be missing than there are", {"maxUnavailable": 9}, pods(5), 5, (5, 5, 0)),
    Case("a percentage that may be missing is rounded up", {"maxUnavailable": "30%"}, pods(7), 7, (3, 7, 4)),
    Case("a percentage of one pod lets it go", {"maxUnavailable": "10%"}, pods(1), 1, (1, 1, 0)),
    Case("one that is not ready uses up what may be missing", {"maxUnavailable": 1}, pods(4, sick=1), 5, (0, 4, 4)),
    Case("more are not ready than may be missing", {"maxUnavailable": 1}, pods(3, sick=2), 5, (0, 3, 4)),
    Case("one that is being deleted is missing already", {"maxUnavailable": 1}, pods(4, leaving=1), 5, (0, 4, 4)),
    Case("one that its owner has not made yet is missing", {"maxUnavailable": 2}, pods(4), 5, (1, 4, 3)),
    Case("a surplus may go as well", {"minAvailable": 3}, pods(6), 6, (3, 6, 3)),
    Case("no pods, nothing to allow", {"maxUnavailable": 1}, [], 0, (0, 0, 0)),
    Case("no pods where some must be there", {"minAvailable": 2}, [], 0, (0, 0, 2)),
    Case("a budget without a bound allows nothing", {}, pods(2), 0, (0, 2, 0)),
    Case("an eviction granted just now counts as missing", {"minAvailable": 3}, pods(5), 5, (1, 4, 3), {"p0": 10}),
    Case("two of them count as two", {"minAvailable": 3}, pods(5), 5, (0, 3, 3), {"p0": 10, "p1": 1}),
    Case("after two minutes it is taken for undone", {"minAvailable": 3}, pods(5), 5, (2, 5, 3), {"p0": 121}),
    Case("that of a pod that is gone is forgotten", {"minAvailable": 3}, pods(5), 5, (2, 5, 3), {"p9": 10}),
    Case("that of a pod on its way out counts once", {"minAvailable": 3}, pods(4, leaving=1), 5, (1, 4, 3), {"p4": 10}),
    Case("that of a pod that was not ready costs nothing", {"minAvailable": 3}, pods(4, sick=1), 5, (1, 4, 3), {"p4": 5}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.words)
def test_what_may_go(case: Case) -> None:
    noted = {p: ago(s) for p, s in case.noted.items()}
    budget = {"metadata": {"name": "web", "generation": 1}, "spec": case.spec, "status": {"disruptedPods": noted}}
    kept, _overdue, _again = disruption.still_expected(budget, case.pods, NOW)
    healthy, wanted = disruption.healthy(case.pods, kept), disruption.wanted(budget, case.expected)
    status = disruption.status(budget, healthy, wanted, case.expected, kept, NOW)
    found = (status["disruptionsAllowed"], status["currentHealthy"], status["desiredHealthy"])
    assert found == case.found
    verdict = condition({"status": status}, "DisruptionAllowed") or {}
    enough = case.found[0] > 0
    assert verdict["status"] == ("True" if enough else "False")
    assert verdict["reason"] == ("SufficientPods" if enough else "InsufficientPods")
    again = disruption.status({**budget, "status": status}, healthy, wanted, case.expected, kept, NOW)
    assert again == status


@pytest.mark.parametrize(
    ("words", "selector", "labels", "covers"),
    [
        ("the labels match", {"matchLabels": {"app": "web"}}, {"app": "web", "tier": "front"}, True),
        ("one of two labels is missing", {"matchLabels": {"app": "web", "tier": "front"}}, {"app": "web"}, False),
        ("an empty selector covers the whole namespace", {}, {"app": "web"}, True),
        ("an empty selector covers pods without labels, too", {}, None, True),
        ("no selector covers nothing", None, {"app": "web"}, False),
        ("an expression",
         {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "api"]}]}, {"app": "api"}, True),
        ("an expression that excludes",
         {"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, {"tier": "front"}, False),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)  # fmt: skip
def test_which_pods_it_covers(words: str, selector: Any, labels: dict[str, str] | None, covers: bool) -> None:
    spec = {} if selector is None else {"selector": selector}
    budget = {"metadata": {"name": "web", "namespace": "default"}, "spec": spec}
    assert disruption.selects(budget, pod("p", labels=labels)) is covers
    elsewhere = {**budget, "metadata": {"name": "web", "namespace": "other"}}
    assert not disruption.selects(elsewhere, pod("p", labels=labels))


@pytest.mark.parametrize(
    ("noted", "kept", "overdue", "again"),
    [
        ({}, [], [], None),
        ({"p0": 0}, ["p0"], [], 120),
        ({"p0": 100, "p1": 30}, ["p0", "p1"], [], 20),
        ({"p0": 120}, ["p0"], [], 0),
        ({"p0": 121, "p1": 119}, ["p1"], ["p0"], 1),
        ({"p2": 10}, [], [], None),
        ({"p7": 500}, [], [], None),
    ],
)
def test_which_evictions_are_still_to_be_seen(
    noted: dict[str, float], kept: list[str], overdue: list[str], again: float | None
) -> None:
    """Of p0 and p1, which live, and p2, which is being deleted."""
    budget = {"spec": {}, "status": {"disruptedPods": {p: ago(s) for p, s in noted.items()}}}
    found, late, soonest = disruption.still_expected(budget, pods(2, leaving=1), NOW)
    assert (sorted(found), [name(p) for p in late], soonest) == (kept, overdue, again)
