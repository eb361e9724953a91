"""Reading the causal story of an object from the journal."""

from __future__ import annotations

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, owner_reference
from minikctl.client import Client, reacting_to
from tests.support.cluster import TestCluster

CM = "configmaps"


def make(client: Client, name: str, owner: Obj | None = None, because: Obj | None = None) -> Obj:
    obj: Obj = {"metadata": {"name": name}}
    if owner is not None:
        obj["metadata"]["ownerReferences"] = [owner_reference(owner)]
    with reacting_to(because["metadata"]["resourceVersion"] if because else None):
        return client.create(CM, obj, "default")


def label(client: Client, name: str, value: str, because: Obj | None = None) -> Obj:
    with reacting_to(because["metadata"]["resourceVersion"] if because else None):
        return client.patch(CM, name, {"metadata": {"labels": {"x": value}}}, "default")


def told(cluster: TestCluster, name: str) -> list[tuple[str, str, str, str]]:
    return [
        (c["role"], c["type"], c["actor"], c["object"]["metadata"]["name"])
        for c in cluster.client.history(CM, name, "default")
    ]


def test_what_an_object_owns_and_what_is_written_because_of_it_belongs_to_its_story(cluster: TestCluster) -> None:
    person, robot = cluster.client.for_actor("kubectl-create"), cluster.client.for_actor("robot")
    parent = make(person, "parent")
    make(person, "stranger")
    child = make(robot, "child", owner=parent, because=parent)
    make(robot, "grandchild", owner=child, because=child)
    other = make(robot, "other", because=child)
    label(robot, "other", "again")  # of itself, not because of anything told
    label(robot, "stranger", "moved", because=other)
    assert told(cluster, "parent") == [
        ("subject", "ADDED", "kubectl-create", "parent"),
        ("owned", "ADDED", "robot", "child"),
        ("owned", "ADDED", "robot", "grandchild"),
        ("effect", "ADDED", "robot", "other"),
        ("effect", "MODIFIED", "robot", "stranger"),
    ]


def test_causes_are_told_back_to_the_person(cluster: TestCluster) -> None:
    person, robot = cluster.client.for_actor("kubectl-create"), cluster.client.for_actor("robot")
    first = make(person, "first")
    second = make(robot, "second", because=first)
    make(robot, "third", because=second)
    label(robot, "first", "unrelated")
    assert told(cluster, "third") == [
        ("cause", "ADDED", "kubectl-create", "first"),
        ("cause", "ADDED", "robot", "second"),
        ("subject", "ADDED", "robot", "third"),
    ]


def test_a_change_has_the_object_before_it(cluster: TestCluster) -> None:
    made = make(cluster.client, "a")
    label(cluster.client, "a", "1", because=made)
    created, changed = cluster.client.history(CM, "a", "default")
    assert created["before"] is None and created["because"] is None
    assert changed["before"] == created["object"] and changed["because"] == created["resourceVersion"]
    assert changed["object"]["metadata"]["labels"] == {"x": "1"}


def test_events_about_members_belong_to_the_story(cluster: TestCluster) -> None:
    parent = make(cluster.client, "parent")
    for about in (parent, make(cluster.client, "stranger")):
        event = {
            "metadata": {"name": f"{about['metadata']['name']}.1"},
            "involvedObject": {
                "kind": "ConfigMap",
                "name": "x",
                "uid": about["metadata"]["uid"],
                "namespace": "default",
            },
            "reason": "Said",
            "message": "hello",
        }
        cluster.client.create("events", event, "default")
    assert told(cluster, "parent")[1:] == [("event", "ADDED", "test", "parent.1")]


def test_a_deleted_object_has_a_story_and_a_new_one_of_its_name_has_its_own(cluster: TestCluster) -> None:
    make(cluster.client, "a")
    cluster.client.delete(CM, "a", "default")
    assert [c[1] for c in told(cluster, "a")] == ["ADDED", "DELETED"]
    make(cluster.client, "a")
    assert [c[1] for c in told(cluster, "a")] == ["ADDED"]
    with pytest.raises(ApiError, match='configmaps "never" not found'):
        told(cluster, "never")


def test_following_goes_on_with_what_comes(cluster: TestCluster) -> None:
    parent = make(cluster.client, "parent")
    changes = cluster.client.history(CM, "parent", "default", follow=True, timeout=20)
    assert next(changes)["role"] == "subject"
    outsider = make(cluster.client, "outsider")
    child = make(cluster.client, "child", owner=parent, because=outsider)
    label(cluster.client, "child", "1", because=child)
    seen = [next(changes) for _ in range(3)]
    assert [(c["role"], c["object"]["metadata"]["name"]) for c in seen] == [
        ("cause", "outsider"),
        ("owned", "child"),
        ("owned", "child"),
    ]
    changes.close()  # type: ignore[attr-defined]
    version = seen[-1]["resourceVersion"]
    assert list(cluster.client.history(CM, "parent", "default", after=version, follow=True, timeout=0.1)) == []
