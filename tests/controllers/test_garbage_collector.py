"""Garbage collection: the three propagations, lost owners, and what must not be deleted."""

from __future__ import annotations

import random
from typing import Any

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, Objects, is_deleting, name, owner_reference, uid
from minikctl.client import DeleteOptions
from minikctl.client.local import LocalClient
from minikctl.controllers.deployment import DeploymentController
from minikctl.controllers.garbage_collector import GarbageCollector
from minikctl.controllers.garbage_collector.decisions import Decision, Owner, decide
from minikctl.controllers.garbage_collector.graph import Graph
from minikctl.controllers.namespace import NamespaceController
from minikctl.controllers.replica_set import ReplicaSetController
from tests.controllers.conftest import MakePlane
from tests.controllers.objects import deployment, replica_set
from tests.support.control_plane import ControlPlane

DEPLOY, RS, CM = "deployments.apps", "replicasets.apps", "configmaps"


@pytest.fixture
def plane(plane_of: MakePlane) -> ControlPlane:
    return plane_of(GarbageCollector, DeploymentController, ReplicaSetController)


def listed(plane: ControlPlane, kind: str) -> Objects:
    found: Objects = plane.cluster.client.list(kind, "default")["items"]
    return found


def delete(plane: ControlPlane, kind: str, name_: str, propagation: str = "") -> None:
    plane.cluster.client.delete(kind, name_, "default", options=DeleteOptions(propagation=propagation))


def make(plane: ControlPlane, name_: str, *owners: Obj, block: bool = True, finalizers: tuple[str, ...] = ()) -> Obj:
    """A ConfigMap owned by others."""
    refs = [owner_reference(o, controller=False, block=block) for o in owners]
    metadata: Obj = {"name": name_, "ownerReferences": refs, "finalizers": list(finalizers)}
    return plane.cluster.client.create(CM, {"metadata": metadata}, "default")


def names(plane: ControlPlane, kind: str = CM) -> list[str]:
    return sorted(name(o) for o in listed(plane, kind) if name(o) != "kube-root-ca.crt")


# ---------------------------------------------------------------------- workloads


@pytest.mark.parametrize("propagation", ["", "Background", "Foreground"])
def test_a_deployment_takes_everything_with_it(plane: ControlPlane, propagation: str) -> None:
    plane.cluster.client.create(DEPLOY, deployment(), "default")
    plane.settle()
    delete(plane, DEPLOY, "web", propagation)
    plane.settle()
    assert not listed(plane, DEPLOY) and not listed(plane, RS) and not listed(plane, "pods")
    plane.assert_at_rest()


def test_foreground_the_owner_goes_last(plane: ControlPlane) -> None:
    plane.cluster.client.create(DEPLOY, deployment(replicas=2), "default")
    plane.settle()
    kubelet, plane.kubelet = plane.kubelet, None
    delete(plane, DEPLOY, "web", "Foreground")
    plane.settle()
    assert is_deleting(listed(plane, DEPLOY)[0]) and is_deleting(listed(plane, RS)[0])
    assert all(is_deleting(p) for p in listed(plane, "pods")) and len(listed(plane, "pods")) == 2
    assert kubelet
    kubelet.step(1)
    plane.settle()
    assert listed(plane, DEPLOY) and listed(plane, RS) and len(listed(plane, "pods")) == 1
    plane.kubelet = kubelet
    plane.settle()
    assert not listed(plane, DEPLOY) and not listed(plane, RS) and not listed(plane, "pods")


def test_background_the_owner_goes_first(plane: ControlPlane) -> None:
    plane.cluster.client.create(DEPLOY, deployment(replicas=2), "default")
    plane.settle()
    delete(plane, DEPLOY, "web")
    assert not listed(plane, DEPLOY) and listed(plane, RS)
    plane.settle()
    assert not listed(plane, RS)


def test_orphaned_dependents_stay_and_can_be_adopted_again(plane: ControlPlane) -> None:
    plane.cluster.client.create(DEPLOY, deployment(replicas=2), "default")
    plane.settle()
    (before,) = listed(plane, RS)
    delete(plane, DEPLOY, "web", "Orphan")
    plane.settle()
    assert not listed(plane, DEPLOY) and len(listed(plane, "pods")) == 2
    (left,) = listed(plane, RS)
    assert uid(left) == uid(before) and "ownerReferences" not in left["metadata"] and left["spec"]["replicas"] == 2
    plane.assert_at_rest()
    plane.cluster.client.create(DEPLOY, deployment(replicas=2), "default")
    plane.settle()
    (again,) = listed(plane, RS)
    assert uid(again) == uid(before) and again["metadata"]["ownerReferences"][0]["kind"] == "Deployment"


def test_orphaning_a_replica_set_leaves_its_pods_to_nobody(plane: ControlPlane) -> None:
    plane.cluster.client.create(RS, replica_set(replicas=2), "default")
    plane.settle()
    delete(plane, RS, "web", "Orphan")
    plane.settle()
    assert len(listed(plane, "pods")) == 2
    assert not any(p["metadata"].get("ownerReferences") for p in listed(plane, "pods"))


# ---------------------------------------------------------------------- references


def test_one_owner_is_enough(plane: ControlPlane) -> None:
    a, b = make(plane, "a"), make(plane, "b")
    make(plane, "child", a, b)
    plane.settle()
    delete(plane, CM, "a")
    plane.settle()
    child = plane.cluster.client.get(CM, "child", "default")
    assert [r["name"] for r in child["metadata"]["ownerReferences"]] == ["b"]
    delete(plane, CM, "b")
    plane.settle()
    assert names(plane) == []


def test_a_foreground_owner_gives_up_a_shared_dependent(plane: ControlPlane) -> None:
    a, b = make(plane, "a"), make(plane, "b")
    make(plane, "child", a, b)
    plane.settle()
    delete(plane, CM, "a", "Foreground")
    plane.settle()
    assert names(plane) == ["b", "child"]


def test_foreground_waits_only_for_those_that_block(plane: ControlPlane) -> None:
    a = make(plane, "a")
    make(plane, "child", a, block=False, finalizers=("example.com/wait",))
    plane.settle()
    delete(plane, CM, "a", "Foreground")
    plane.settle()
    assert names(plane) == ["child"]
    assert is_deleting(plane.cluster.client.get(CM, "child", "default"))


def test_foreground_waits_for_a_finalizer_of_a_blocking_dependent(plane: ControlPlane) -> None:
    a = make(plane, "a")
    make(plane, "child", a, finalizers=("example.com/wait",))
    plane.settle()
    delete(plane, CM, "a", "Foreground")
    plane.settle()
    assert names(plane) == ["a", "child"]
    plane.cluster.client.patch(CM, "child", {"metadata": {"finalizers": None}}, "default")
    plane.settle()
    assert names(plane) == []


def test_a_dependent_that_stops_blocking_lets_its_owner_go(plane: ControlPlane) -> None:
    a = make(plane, "a")
    child = make(plane, "child", a, finalizers=("example.com/wait",))
    plane.settle()
    delete(plane, CM, "a", "Foreground")
    plane.settle()
    free = [owner_reference(a, controller=False, block=False)]
    plane.cluster.client.patch(CM, "child", {"metadata": {"ownerReferences": free}}, "default")
    plane.settle()
    assert names(plane) == ["child"] and uid(child)


def test_an_owner_that_never_was(plane: ControlPlane) -> None:
    ghost = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ghost", "uid": "no-such-uid"}}
    make(plane, "child", ghost)
    plane.settle()
    assert names(plane) == []


def test_a_namesake_is_not_the_owner(plane: ControlPlane) -> None:
    a = make(plane, "a")
    make(plane, "child", {**a, "metadata": {**a["metadata"], "uid": "another-uid"}})
    plane.settle()
    assert names(plane) == ["a"]


def test_an_owner_of_an_unknown_kind_is_no_reason_to_delete(plane: ControlPlane) -> None:
    owner = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "uid": "some-uid"}}
    make(plane, "child", owner)
    plane.settle(2000)
    assert names(plane) == ["child"]
    failures = next(c.failures for c in plane.controllers if isinstance(c, GarbageCollector))
    assert 1 <= failures < 40


def test_an_owner_in_another_namespace_is_none(plane: ControlPlane) -> None:
    elsewhere = plane.cluster.client.create(CM, {"metadata": {"name": "a"}}, "kube-system")
    make(plane, "child", elsewhere)
    plane.settle()
    assert names(plane) == []
    (event,) = [e for e in listed(plane, "events") if e["reason"] == "OwnerRefInvalidNamespace"]
    assert 'does not exist in namespace "default"' in event["message"]


def test_a_cluster_scoped_object_is_never_deleted_for_a_namespaced_owner(plane: ControlPlane) -> None:
    a = make(plane, "a")
    refs = [owner_reference(a, controller=False)]
    plane.cluster.client.create("priorityclasses", {"metadata": {"name": "pc", "ownerReferences": refs}, "value": 1})
    plane.settle()
    assert plane.cluster.client.get("priorityclasses", "pc")


def test_a_cluster_scoped_owner_of_a_namespaced_object(plane: ControlPlane) -> None:
    owner = plane.cluster.client.create("priorityclasses", {"metadata": {"name": "pc"}, "value": 1})
    make(plane, "child", owner)
    plane.settle()
    assert names(plane) == ["child"]
    plane.cluster.client.delete("priorityclasses", "pc")
    plane.settle()
    assert names(plane) == []


def test_a_chain_goes_link_by_link(plane: ControlPlane) -> None:
    last = make(plane, "link-0")
    for i in range(1, 6):
        last = make(plane, f"link-{i}", last)
    plane.settle()
    delete(plane, CM, "link-0", "Foreground")
    plane.settle()
    assert names(plane) == []


def test_owners_in_a_circle_do_not_wait_for_each_other_for_ever(plane: ControlPlane) -> None:
    a = make(plane, "a")
    b = make(plane, "b", a)
    ring = [owner_reference(b, controller=False)]
    plane.cluster.client.patch(CM, "a", {"metadata": {"ownerReferences": ring}}, "default")
    plane.settle()
    delete(plane, CM, "a", "Foreground")
    plane.settle()
    assert names(plane) == []


def test_an_earlier_wish_to_orphan_is_kept(plane: ControlPlane) -> None:
    a = make(plane, "a")
    b = make(plane, "b", a, finalizers=("orphan",))
    make(plane, "c", b)
    plane.settle()
    delete(plane, CM, "a")
    plane.settle()
    assert names(plane) == ["c"]


def test_losing_its_last_reference_makes_nothing_garbage(plane: ControlPlane) -> None:
    a = make(plane, "a")
    make(plane, "child", a)
    plane.settle()
    plane.cluster.client.patch(CM, "child", {"metadata": {"ownerReferences": None}}, "default")
    plane.settle()
    delete(plane, CM, "a")
    plane.settle()
    assert names(plane) == ["child"]


def test_the_deletion_names_the_version_it_was_decided_on(plane: ControlPlane) -> None:
    """A dependent that gets a new owner in the last moment stays."""
    a, b = make(plane, "a"), make(plane, "b")
    make(plane, "child", a)
    plane.settle()
    delete(plane, CM, "a")
    plane.hub.pump()
    both = [owner_reference(o, controller=False) for o in (a, b)]
    plane.cluster.client.patch(CM, "child", {"metadata": {"ownerReferences": both}}, "default")
    plane.controllers[0].drain()
    assert names(plane) == ["b", "child"]
    plane.settle()
    child = plane.cluster.client.get(CM, "child", "default")
    assert [r["name"] for r in child["metadata"]["ownerReferences"]] == ["b"]


def test_a_restarted_collector_finds_what_was_lost_meanwhile(plane_of: MakePlane, still: Any) -> None:
    owner = still.client.create(CM, {"metadata": {"name": "a"}}, "default")
    refs = [owner_reference(owner, controller=False)]
    still.client.create(CM, {"metadata": {"name": "child", "ownerReferences": refs}}, "default")
    still.client.delete(CM, "a", "default")
    plane = plane_of(GarbageCollector)
    plane.settle()
    assert names(plane) == []


def test_kinds_that_are_defined_later_are_followed(plane_of: MakePlane, monkeypatch: pytest.MonkeyPatch) -> None:
    every = LocalClient.kinds
    monkeypatch.setattr(LocalClient, "kinds", lambda self: [k for k in every(self) if k.plural != CM])
    plane = plane_of(GarbageCollector, NamespaceController)
    monkeypatch.undo()
    a = make(plane, "a")
    make(plane, "child", a)
    delete(plane, CM, "a")
    plane.settle()
    assert names(plane) == ["child"]
    plane.controllers[0].queue.add("monitors")
    plane.settle()
    assert names(plane) == []


def test_a_server_that_does_not_answer_deletes_nothing(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    collector: Any = plane.controllers[0]

    def fail(*_a: Any, **_k: Any) -> Obj:
        raise ApiError(500, "InternalError", "the file is damaged")

    monkeypatch.setattr(collector.client, "get", fail)
    ghost = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ghost", "uid": "no-such-uid"}}
    make(plane, "child", ghost)
    plane.settle()
    assert names(plane) == ["child"]


@pytest.mark.parametrize("seed", range(8))
def test_random_forests_end_as_the_rules_say(plane_of: MakePlane, seed: int) -> None:
    """What remains: exactly what has no owners, or an owner that remains."""
    rng = random.Random(seed)
    plane = plane_of(GarbageCollector, kubelet=False, seed=seed)
    made: list[Obj] = []
    for i in range(25):
        owners = rng.sample(made, k=min(len(made), rng.choice([0, 1, 1, 2])))
        made.append(make(plane, f"n{i}", *owners, block=rng.random() < 0.5))
        if rng.random() < 0.3:
            plane.turn()
    doomed = rng.sample(made, k=8)
    for obj in doomed:
        try:
            delete(plane, CM, name(obj), rng.choice(["", "Background", "Foreground"]))
        except ApiError as e:
            assert e.reason == "NotFound"
        if rng.random() < 0.5:
            plane.turn()
    plane.settle()
    left = {uid(o): o for o in listed(plane, CM)}
    for obj in left.values():
        refs = obj["metadata"].get("ownerReferences") or []
        assert all(r["uid"] in left for r in refs) and uid(obj) not in {uid(d) for d in doomed}
    for obj in made:
        had_owner = bool(obj["metadata"].get("ownerReferences"))
        assert uid(obj) in left or had_owner or uid(obj) in {uid(d) for d in doomed}
    plane.assert_at_rest()


# ---------------------------------------------------------------------- as functions


@pytest.mark.parametrize(
    ("states", "finalizers", "has_dependents", "dependent_waits", "expected"),
    [
        ("", (), False, False, Decision()),
        ("S", (), False, False, Decision()),
        ("SS", (), True, False, Decision()),
        ("D", (), False, False, Decision(delete="Background")),
        ("DD", (), True, False, Decision(delete="Background")),
        ("SD", (), False, False, Decision(drop=frozenset({"1"}))),
        ("SW", (), True, False, Decision(drop=frozenset({"1"}))),
        ("SDW", (), True, False, Decision(drop=frozenset({"1", "2"}))),
        ("W", (), False, False, Decision(delete="Background")),
        ("W", (), True, False, Decision(delete="Foreground")),
        ("WD", (), True, False, Decision(delete="Foreground")),
        ("W", (), True, True, Decision(delete="Foreground", unblock=True)),
        ("D", ("orphan",), True, False, Decision(delete="Orphan")),
        ("D", ("foregroundDeletion",), True, False, Decision(delete="Foreground")),
        ("D", ("example.com/other",), False, False, Decision(delete="Background")),
    ],
)
def test_decisions(
    states: str, finalizers: tuple[str, ...], has_dependents: bool, dependent_waits: bool, expected: Decision
) -> None:
    meaning = {"S": Owner.SOLID, "D": Owner.DANGLING, "W": Owner.WAITING}
    owners = [{"uid": str(i)} for i in range(len(states))]

    def state(ref: Obj) -> Owner:
        return meaning[states[int(ref["uid"])]]

    assert decide(owners, state, finalizers, has_dependents, dependent_waits) == expected


def test_the_graph_forgets_what_nobody_needs() -> None:
    graph, kind = Graph(), Kind("", "v1", "Thing", "things", "")

    def thing(of: str, *owners: str, **metadata: Any) -> Obj:
        refs = [{"uid": o, "name": o, "blockOwnerDeletion": True} for o in owners]
        return {"metadata": {"name": of, "uid": of, "ownerReferences": refs, **metadata}}

    assert graph.observe(kind, thing("child", "owner")).delete == ["owner"]
    assert graph.observe(kind, thing("owner")).delete == [] and len(graph) == 2
    assert [n.uid for n in graph.blocking("owner")] == ["child"]
    waiting = thing("owner", deletionTimestamp="now", finalizers=["foregroundDeletion"])
    assert sorted(graph.observe(kind, waiting).delete) == ["child", "owner"]
    assert graph.forget("child").delete == ["owner"] and graph.is_absent("child")
    assert graph.forget("owner").delete == [] and len(graph) == 0
    graph.observe(kind, thing("x", "never-seen"))
    graph.forget("x")
    assert len(graph) == 0
