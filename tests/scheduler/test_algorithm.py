"""Whole decisions: which node, and what is said when there is none."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from minikctl.api.meta import Obj
from minikctl.scheduler import algorithm
from minikctl.scheduler.cache import Cache
from minikctl.scheduler.diagnosis import FitError
from minikctl.scheduler.framework import CycleState, Framework
from minikctl.scheduler.node_info import PodInfo
from minikctl.scheduler.plugins import all_plugins
from tests.scheduler.builders import cluster, node_object, pod, pod_object

FRAMEWORK = Framework(all_plugins())


def choose(cycle: CycleState, who: PodInfo, seed: int = 1) -> str:
    return algorithm.choose(FRAMEWORK, cycle, who, 0, random.Random(seed)).node


def message(nodes: list[Obj], who: PodInfo, pods: list[Obj] | None = None) -> str:
    with pytest.raises(FitError) as e:
        choose(cluster(nodes, pods), who)
    return str(e.value)


HELPLESS = (
    "no new claims to deallocate, preemption: 0/{0} nodes are available: {0} Preemption is not helpful for scheduling."
)


def test_messages() -> None:
    nodes = [node_object(f"node-{i}") for i in (1, 2, 3)]
    assert message([], pod()) == "no nodes available to schedule pods"
    assert message(nodes, pod(nodeSelector={"disk": "ssd"})) == (
        "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. " + HELPLESS.format(3)
    )
    mixed = [
        node_object("node-1", allocatable={"cpu": "1", "pods": "9"}),
        node_object("node-2", unschedulable=True),
        node_object("node-3", unschedulable=True),
    ]
    assert message(mixed, pod("new", requests={"cpu": "1"}), [pod_object(node="node-1", requests={"cpu": "1"})]) == (
        "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. no new claims to deallocate, "
        "preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, "
        "2 Preemption is not helpful for scheduling."
    )


def test_message_for_pods_that_name_their_node() -> None:
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-2"]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    nodes = [node_object("node-1"), node_object("node-2", unschedulable=True), node_object("node-3")]
    assert message(nodes, pod(affinity=affinity)).startswith(
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]. "
    )


def test_the_only_node_that_fits_is_taken() -> None:
    nodes = [node_object("a", unschedulable=True), node_object("b"), node_object("c", labels={"disk": "ssd"})]
    assert choose(cluster(nodes), pod(nodeSelector={"disk": "ssd"})) == "c"


def test_equal_nodes_are_taken_by_chance_and_used_ones_less() -> None:
    nodes = [node_object(n) for n in "abc"]
    chosen = Counter(choose(cluster(nodes), pod(), seed) for seed in range(60))
    assert set(chosen) == {"a", "b", "c"}
    busy = [pod_object("x", node="a", requests={"cpu": "3"}), pod_object("y", node="b", requests={"cpu": "1"})]
    assert choose(cluster(nodes, busy), pod("z", requests={"cpu": "500m"})) == "c"


def test_replicas_spread_over_hosts_when_assumed_one_after_the_other() -> None:
    cache = Cache()
    for i in range(4):
        cache.set_node(node_object(f"node-{i}"))
    for i in range(12):
        who = pod(f"web-{i}", labels={"app": "web"})
        node = algorithm.choose(FRAMEWORK, CycleState(cache), who, 0, random.Random(i)).node
        cache.assume(who, node)
    assert [len(n.pods) for n in cache.nodes] == [3, 3, 3, 3]


@pytest.mark.parametrize(("nodes", "wanted"), [(3, 3), (100, 100), (200, 100), (1000, 420), (5000, 500), (10000, 500)])
def test_how_many_nodes_are_enough(nodes: int, wanted: int) -> None:
    assert algorithm.feasible_nodes_wanted(nodes) == wanted


def test_counts_by_selector_follow_the_pods() -> None:
    from minikctl.api.selectors import from_labels

    cycle = cluster([node_object("a"), node_object("b")], [pod_object("x", node="a", labels={"app": "web"})])
    selector = from_labels({"app": "web"})
    assert cycle.matching("default", selector) == {"a": 1}
    cycle.cache.assume(pod("y", labels={"app": "web"}), "b")
    cycle.cache.assume(pod("z", labels={"app": "other"}), "b")
    assert cycle.matching("default", selector) == {"a": 1, "b": 1}
    cycle.cache.forget("uid-y")
    cycle.cache.remove_pod("uid-x")
    assert cycle.matching("default", selector) == {}


def test_nodes_alternate_between_zones() -> None:
    zone = "topology.kubernetes.io/zone"
    made = [node_object(n, labels={zone: z}) for n, z in (("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"))]
    assert [n.name for n in cluster(made).cache.nodes] == ["a1", "b1", "a2", "a3"]


def test_a_pod_seen_before_its_node_is_counted_and_a_removed_node_keeps_nothing() -> None:
    cycle = cluster([], [pod_object("x", node="late", requests={"cpu": "1"})])
    assert cycle.cache.nodes == []
    cycle.cache.set_node(node_object("late"))
    assert cycle.cache.nodes[0].requested == {"cpu": 1000}
    cycle.cache.remove_node("late")
    assert cycle.cache.nodes == []
    cycle.cache.remove_pod("uid-x")
    assert cycle.cache.node("late") is None
