"""Who has to go, so that a more important pod can come."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.meta import Obj
from minikctl.scheduler import preemption
from minikctl.scheduler.framework import CycleState, Framework, Status, unschedulable
from minikctl.scheduler.node_info import PodInfo
from minikctl.scheduler.nominated import Nominated
from minikctl.scheduler.plugins import all_plugins, default_preemption
from minikctl.scheduler.preemption import Candidate
from tests.scheduler.builders import cluster, node_object, pod, pod_object

FRAMEWORK = Framework(all_plugins())
SMALL = {"cpu": "2", "memory": "4Gi", "pods": "10"}


def placed(
    name: str, node: str = "a", priority: int = 0, cpu: str = "1", start: str = "2026-01-01T00:00:00Z", **more: Any
) -> Obj:
    obj = pod_object(name, node=node, priority=priority, requests={"cpu": cpu}, **more)
    return {**obj, "status": {"startTime": start}}


def setting(pods: list[Obj], nodes: str = "a") -> CycleState:
    cycle = cluster([node_object(n, allocatable=SMALL) for n in nodes], pods)
    cycle.framework = FRAMEWORK
    return cycle


def budget(allowed: int, **labels: str) -> Obj:
    spec = {"selector": {"matchLabels": labels}}
    return {"metadata": {"name": "b", "namespace": "default"}, "spec": spec, "status": {"disruptionsAllowed": allowed}}


def on(cycle: CycleState, who: PodInfo, node: str = "a", budgets: tuple[Obj, ...] = ()) -> Candidate | Status:
    info = cycle.cache.node(node)
    assert info
    return preemption.victims_on(cycle, who, info, budgets)


def names(found: Candidate | Status) -> list[str]:
    assert isinstance(found, Candidate), found
    return [v.name for v in found.victims]


URGENT = pod("urgent", priority=100, requests={"cpu": "1"})

VICTIMS = [
    ("the one of lower priority", [placed("x", priority=1), placed("y", priority=5)], ["x"]),
    ("of equals the one that started last", [placed("x", start="2026-01-02T00:00:00Z"), placed("y")], ["x"]),
    ("none of the same priority", [placed("x", priority=100), placed("y", priority=99)], ["y"]),
    ("as few as will do", [placed("x", cpu="500m"), placed("y", cpu="500m"), placed("z", priority=3)], ["x", "y"]),
]


@pytest.mark.parametrize(("pods", "expected"), [v[1:] for v in VICTIMS], ids=[v[0] for v in VICTIMS])
def test_who_has_to_go(pods: list[Obj], expected: list[str]) -> None:
    cycle = setting(pods)
    assert names(on(cycle, URGENT)) == expected
    assert sorted(cycle.cache.node("a").pods) == sorted(f"uid-{p['metadata']['name']}" for p in pods)  # type: ignore[union-attr]


def test_when_it_does_not_help() -> None:
    full = [placed("x", priority=100), placed("y", priority=100)]
    assert on(setting(full), URGENT) is preemption.NO_VICTIMS
    big = pod("big", priority=100, requests={"cpu": "2"})
    found = on(setting([placed("x", priority=100), placed("y")]), big)
    assert isinstance(found, Status) and found.reasons == ("Insufficient cpu",)


def test_anti_affinity_of_the_victim_goes_with_it() -> None:
    rule = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}
    anti = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [rule]}}
    cycle = setting([placed("x", cpu="100m", affinity=anti), placed("y", cpu="100m")])
    assert names(on(cycle, pod("urgent", priority=9, labels={"app": "web"}))) == ["x"]
    assert len(cycle.cache.affine_nodes) == 1


def test_budgets_are_kept_where_that_is_possible() -> None:
    pods = [placed("x", labels={"app": "db"}), placed("y", priority=5)]
    found = on(setting(pods), URGENT, budgets=(budget(0, app="db"),))
    assert isinstance(found, Candidate) and names(found) == ["y"] and found.violations == 0
    found = on(setting(pods), URGENT, budgets=(budget(1, app="db"),))
    assert isinstance(found, Candidate) and names(found) == ["x"] and found.violations == 0
    both = [placed("x", labels={"app": "db"}), placed("y", labels={"app": "db"})]
    found = on(setting(both), pod("big", priority=9, requests={"cpu": "2"}), budgets=(budget(1, app="db"),))
    assert isinstance(found, Candidate) and found.violations == 1


def candidate(node: str, *victims: tuple[int, str], violations: int = 0) -> Candidate:
    made = [PodInfo(placed(f"{node}-{i}", priority=p, start=s)) for i, (p, s) in enumerate(victims)]
    return Candidate(node, tuple(made), violations)


EARLY, LATE = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
BEST = [
    ("fewest budgets broken", [candidate("a", (1, EARLY), violations=1), candidate("b", (9, EARLY), (9, EARLY))], "b"),
    ("lowest highest priority", [candidate("a", (5, EARLY)), candidate("b", (4, EARLY), (4, EARLY))], "b"),
    ("lowest sum", [candidate("a", (5, EARLY), (3, EARLY)), candidate("b", (5, EARLY), (2, EARLY))], "b"),
    ("fewest", [candidate("a", (5, EARLY), (-(2**31), EARLY)), candidate("b", (5, EARLY))], "b"),
    ("who started last", [candidate("a", (5, EARLY)), candidate("b", (5, LATE))], "b"),
    ("the first", [candidate("a", (5, EARLY)), candidate("b", (5, EARLY))], "a"),
]


@pytest.mark.parametrize(("found", "expected"), [b[1:] for b in BEST], ids=[b[0] for b in BEST])
def test_where_it_hurts_least(found: list[Candidate], expected: str) -> None:
    assert preemption.best(found).node == expected


def test_room_that_was_made_for_others_is_not_taken() -> None:
    other = pod("other", priority=50, requests={"cpu": "2"})
    nominated = Nominated()
    nominated.set(other, "a")
    cycle = setting([])
    cycle.nominated = nominated
    info = cycle.cache.node("a")
    assert info
    low = preemption.why_not(cycle, pod("low", requests={"cpu": "1"}), info)
    assert low and low.reasons == ("Insufficient cpu",) and low.plugin == "NodeResourcesFit"
    assert preemption.why_not(cycle, URGENT, info) is None and not info.pods
    nominated.remove(other.uid)
    assert not nominated and nominated.node_of(other.uid) == ""


def test_who_may_not_have_others_removed() -> None:
    cycle = setting([placed("x"), placed("y")])
    statuses = {"a": unschedulable("Insufficient cpu")}
    never = pod("urgent", priority=9, requests={"cpu": "1"}, preemptionPolicy="Never")
    nominated, said = default_preemption.post_filter(cycle, never, statuses)
    assert nominated is None and said.reasons == ("preemption: not eligible due to preemptionPolicy=Never.",)
    going = placed("x")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    removed = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}
    going["status"] = {"phase": "Running", "conditions": [removed]}
    waits = pod("urgent", priority=9, requests={"cpu": "1"})
    waits.nominated = "a"
    nominated, said = default_preemption.post_filter(setting([going, placed("y")]), waits, statuses)
    assert nominated is None
    assert said.reasons == ("preemption: not eligible due to a terminating pod on the nominated node.",)
    # What ends for other reasons, or on a node that has become impossible, does not hold it up.
    hopeless = {"a": Status(preemption.NO_VICTIMS.code, ("tainted",))}
    assert default_preemption.post_filter(setting([going, placed("y")]), waits, hopeless)[0] == ""
    going["status"] = {"phase": "Running"}
    assert default_preemption.post_filter(setting([going, placed("y")]), waits, statuses)[0] == "a"


def test_what_is_said_when_nothing_helps() -> None:
    cycle = setting([placed("x", priority=9), placed("y", priority=9)], nodes="ab")
    statuses = {"a": unschedulable("Insufficient cpu"), "b": Status(preemption.NO_VICTIMS.code, ("tainted",))}
    nominated, said = default_preemption.post_filter(cycle, pod("urgent", priority=5, requests={"cpu": "1"}), statuses)
    assert nominated == ""
    assert said.reasons == (
        "preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, "
        "1 Preemption is not helpful for scheduling.",
    )
