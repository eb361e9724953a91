"""Near some pods, far from others."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.meta import Obj
from minikctl.scheduler.cache import Cache
from minikctl.scheduler.framework import SKIP, Change, ClusterEvent, CycleState, Handle, Status
from minikctl.scheduler.node_info import PodInfo
from minikctl.scheduler.plugins import inter_pod_affinity as plugin
from tests.scheduler.builders import cluster, node_object, pod, pod_object

ZONE, HOST = "zone", "kubernetes.io/hostname"
NODES = [
    node_object("a", labels={ZONE: "z1"}),
    node_object("b", labels={ZONE: "z1"}),
    node_object("c", labels={ZONE: "z2"}),
]


def term(key: str = ZONE, **labels: str) -> Obj:
    return {"topologyKey": key, "labelSelector": {"matchLabels": labels or {"app": "db"}}}


def near(*terms: Obj, anti: bool = False) -> Obj:
    part = "podAntiAffinity" if anti else "podAffinity"
    return {part: {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}


def rather(*weighted: tuple[int, Obj], anti: bool = False) -> Obj:
    part = "podAntiAffinity" if anti else "podAffinity"
    terms = [{"weight": w, "podAffinityTerm": t} for w, t in weighted]
    return {part: {"preferredDuringSchedulingIgnoredDuringExecution": terms}}


def fits(cycle: CycleState, who: PodInfo) -> str:
    """The names of the nodes that pass, and of the message of the others if it is one."""
    if plugin.pre_filter(cycle, who) is SKIP:
        return "all"
    found: list[str] = []
    for node in cycle.cache.nodes:
        if plugin.filter_node(cycle, who, node) is None:
            found.append(node.name)
    return "".join(sorted(found))


def db(name: str = "db", node: str = "a", **spec: Any) -> Obj:
    return pod_object(name, labels={"app": "db"}, node=node, **spec)


REQUIRED = [
    ("nothing is asked for", {}, "all"),
    ("in the zone of a database", near(term()), "ab"),
    ("on its host", near(term(HOST)), "a"),
    ("two terms, one pod that matches both", near(term(), term(HOST)), "a"),
    ("two terms that no one pod matches", near(term(), term(app="cache")), ""),
    ("a label that no node has", near(term("rack")), ""),
    ("nobody matches", near(term(app="none")), ""),
    ("away from its zone", near(term(), anti=True), "c"),
    ("away from its host", near(term(HOST), anti=True), "bc"),
    ("away in a topology that no node has", near(term("rack"), anti=True), "abc"),
    ("away from both", near(term(HOST), term(HOST, app="cache"), anti=True), "b"),
    ("another namespace", near({**term(), "namespaces": ["other"]}), ""),
    ("that namespace is named", near({**term(app="far"), "namespaces": ["other"]}), "c"),
    ("a selector of namespaces", near({**term(app="far"), "namespaceSelector": {"matchLabels": {"team": "x"}}}), "c"),
    ("all namespaces", near({**term(app="far"), "namespaceSelector": {}}), "c"),
    ("no such namespace", near({**term(app="far"), "namespaceSelector": {"matchLabels": {"team": "y"}}}), ""),
]


class Namespaces:
    """Stands for the informer."""

    objects = [{"metadata": {"name": "default"}}, {"metadata": {"name": "other", "labels": {"team": "x"}}}]

    def list(self) -> list[Obj]:
        return self.objects

    def get(self, name: str) -> Obj | None:
        return next((o for o in self.objects if o["metadata"]["name"] == name), None)


def three() -> CycleState:
    cache = Cache()
    for each in NODES:
        cache.set_node(each)
    far = pod_object("far", labels={"app": "far"}, node="c")
    far["metadata"]["namespace"] = "other"
    for placed in (db(), pod_object("cache", labels={"app": "cache"}, node="c"), far):
        cache.set_pod(PodInfo(placed))
    return CycleState(cache, handle=Handle({"namespaces": Namespaces()}))  # type: ignore[dict-item]


@pytest.mark.parametrize(("affinity", "expected"), [r[1:] for r in REQUIRED], ids=[r[0] for r in REQUIRED])
def test_required_terms(affinity: Obj, expected: str) -> None:
    assert fits(three(), pod("web", affinity=affinity)) == expected


def test_the_first_pod_of_a_group_may_go_anywhere() -> None:
    own = near(term(app="web"))
    first = pod("web-1", labels={"app": "web"}, affinity=own)
    assert fits(cluster(NODES), first) == "abc"
    cycle = cluster(NODES, [pod_object("web-1", labels={"app": "web"}, node="c", affinity=own)])
    assert fits(cycle, pod("web-2", labels={"app": "web"}, affinity=own)) == "c"


def test_pods_that_are_there_keep_others_away_and_leave_room_when_they_go() -> None:
    alone = db("alone", affinity=near(term(app="web"), anti=True))
    cycle = cluster(NODES, [alone])
    who = pod("web", labels={"app": "web"})
    assert fits(cycle, who) == "c" and fits(cycle, pod("x", labels={"app": "x"})) == "all"
    node_a = cycle.cache.node("a")
    assert node_a and plugin.pre_filter(cycle, who) is None
    assert plugin.filter_node(cycle, who, node_a) == plugin.EXISTING
    cycle.cache.remove_pod("uid-alone")
    assert fits(cycle, who) == "all" and not cycle.cache.affine_nodes


def test_terminating_pods_still_count() -> None:
    going = db()
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert fits(cluster(NODES, [going]), pod("web", affinity=near(term(HOST), anti=True))) == "bc"


def test_words() -> None:
    cycle = three()
    for affinity, node, expected in (
        (near(term()), "c", "node(s) didn't match pod affinity rules"),
        (near(term(), anti=True), "a", "node(s) didn't match pod anti-affinity rules"),
    ):
        who, info = pod("web", affinity=affinity), cycle.cache.node(node)
        assert info and plugin.pre_filter(cycle, who) is None
        status = plugin.filter_node(cycle, who, info)
        assert isinstance(status, Status) and status.reasons == (expected,)


PREFERRED = [
    (rather((10, term())), [100, 100, 0]),
    (rather((10, term(HOST)), (5, term())), [100, 33, 0]),
    (rather((10, term(HOST)), anti=True), [0, 100, 100]),
    (rather((10, term(app="none"))), None),
]


@pytest.mark.parametrize(("affinity", "expected"), PREFERRED)
def test_preferred_terms(affinity: Obj, expected: list[int] | None) -> None:
    cycle = cluster(NODES, [db()])
    who = pod("web", affinity=affinity)
    nodes = sorted(cycle.cache.nodes, key=lambda n: n.name)
    if expected is None:
        assert plugin.pre_score(cycle, who, nodes) is SKIP
        return
    assert plugin.pre_score(cycle, who, nodes) is None
    assert plugin.normalize(cycle, who, nodes, [plugin.score(cycle, who, n) for n in nodes]) == expected


def test_those_that_are_there_attract_and_repel() -> None:
    there = [
        db("a-db", "a", affinity=near(term(HOST, app="web"))),
        db("c-db", "c", affinity=rather((5, term(HOST, app="web")), anti=True)),
    ]
    cycle, who = cluster(NODES, there), pod("web", labels={"app": "web"})
    nodes = sorted(cycle.cache.nodes, key=lambda n: n.name)
    assert plugin.pre_score(cycle, who, nodes) is None
    assert [plugin.score(cycle, who, n) for n in nodes] == [1, 0, -5]


HINTS = [
    (near(term()), ClusterEvent.POD_ADD, db(), True),
    (near(term()), ClusterEvent.POD_ADD, pod_object("x"), False),
    (near(term(), anti=True), ClusterEvent.POD_DELETE, db(), True),
    (near(term(), anti=True), ClusterEvent.POD_DELETE, pod_object("x"), False),
    ({}, ClusterEvent.POD_DELETE, db(affinity=near(term(app="web"), anti=True)), True),
    (near(term()), ClusterEvent.NODE_ADD, NODES[0], True),
    (near(term("rack")), ClusterEvent.NODE_ADD, NODES[0], False),
]


@pytest.mark.parametrize(("affinity", "event", "obj", "expected"), HINTS)
def test_when_to_try_again(affinity: Obj, event: ClusterEvent, obj: Obj, expected: bool) -> None:
    who = pod("web", labels={"app": "web"}, affinity=affinity)
    assert plugin.PLUGIN.waits_for(who, Change(event, None, obj)) is expected
