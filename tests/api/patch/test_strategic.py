"""Strategic merge patches applied: what each directive does, list by list."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.patch import strategic
from minikctl.api.patch.strategic import ListOfLists, MalformedPatch, PatchError

DEPLOYMENT, POD, SERVICE = "apps/v1.Deployment", "core/v1.Pod", "core/v1.Service"


def pod(**spec: Any) -> dict[str, Any]:
    return {"spec": spec}


def box(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, **fields}


OBJECTS = [
    ("a scalar is set", {"spec": {"replicas": 1}}, {"spec": {"replicas": 4}}, {"spec": {"replicas": 4}}),
    ("null removes", {"spec": {"replicas": 1, "paused": True}}, {"spec": {"paused": None}}, {"spec": {"replicas": 1}}),
    ("null for what is not there does nothing", {"spec": {}}, {"spec": {"paused": None}}, {"spec": {}}),
    (
        "nulls inside something new drop out",
        {},
        {"spec": {"template": {"spec": {"nodeName": None, "hostNetwork": True}}}},
        {"spec": {"template": {"spec": {"hostNetwork": True}}}},
    ),
    (
        "$patch replace takes the rest of the patch as it is",
        {"metadata": {"labels": {"a": "1", "b": "2"}}},
        {"metadata": {"labels": {"$patch": "replace", "c": "3"}}},
        {"metadata": {"labels": {"c": "3"}}},
    ),
    (
        "$patch delete empties",
        {"metadata": {"labels": {"a": "1"}}},
        {"metadata": {"labels": {"$patch": "delete"}}},
        {"metadata": {"labels": {}}},
    ),
    ("$patch delete of what is not there", {}, {"metadata": {"labels": {"$patch": "delete"}}}, {"metadata": {}}),
    (
        "$retainKeys clears the other fields of a union",
        {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}},
        {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}},
        {"spec": {"strategy": {"type": "Recreate"}}},
    ),
    (
        "a field of another kind is replaced",
        {"spec": {"strategy": "odd"}},
        {"spec": {"strategy": {"type": "Recreate"}}},
        {"spec": {"strategy": {"type": "Recreate"}}},
    ),
]


@pytest.mark.parametrize(("what", "before", "patch", "after"), OBJECTS, ids=[c[0] for c in OBJECTS])
def test_objects(what: str, before: dict[str, Any], patch: dict[str, Any], after: dict[str, Any]) -> None:
    assert strategic.apply(before, patch, DEPLOYMENT) == after


def test_a_selector_with_the_replace_strategy_is_taken_whole() -> None:
    before = {"spec": {"selector": {"matchLabels": {"a": "1"}}}}
    patch = {"spec": {"selector": {"matchExpressions": []}}}
    assert strategic.apply(before, patch, "policy/v1.PodDisruptionBudget") == patch


LISTS = [
    (
        "an element is merged by its key",
        [box("web", image="a"), box("log", image="l")],
        {"containers": [box("log", image="m")]},
        [box("web", image="a"), box("log", image="m")],
    ),
    ("a new element comes first", [box("web")], {"containers": [box("side")]}, [box("side"), box("web")]),
    (
        "elements of the patch keep the patch's order",
        [box("a"), box("b"), box("c")],
        {"containers": [box("c", image="x"), box("a")]},
        [box("b"), box("c", image="x"), box("a")],
    ),
    (
        "$patch delete takes an element out",
        [box("a"), box("b")],
        {"containers": [box("a", **{"$patch": "delete"})]},
        [box("b")],
    ),
    (
        "$patch replace drops what was there",
        [box("a"), box("b")],
        {"containers": [{"$patch": "replace"}, box("c")]},
        [box("c")],
    ),
    (
        "$setElementOrder alone sorts",
        [box("a"), box("b"), box("c")],
        {"$setElementOrder/containers": [box("c"), box("a"), box("b")]},
        [box("c"), box("a"), box("b")],
    ),
    (
        "elements that $setElementOrder does not name stay between their neighbours",
        [box("a"), box("mesh"), box("b")],
        {"$setElementOrder/containers": [box("a"), box("b"), box("c")], "containers": [box("c")]},
        [box("a"), box("mesh"), box("b"), box("c")],
    ),
    (
        "a new element fills the place of a deleted one",
        [box("a"), box("b"), box("mesh")],
        {
            "$setElementOrder/containers": [box("b"), box("c")],
            "containers": [box("c"), box("a", **{"$patch": "delete"})],
        },
        [box("b"), box("mesh"), box("c")],
    ),
    (
        "$setElementOrder of an unknown element is harmless",
        [box("a")],
        {"$setElementOrder/containers": [box("b")]},
        [box("a")],
    ),
    (
        "directives inside a new element drop out",
        [box("a")],
        {"containers": [box("b", env=[{"name": "X", "$patch": "delete"}], command=None)]},
        [box("b", env=[]), box("a")],
    ),
]


@pytest.mark.parametrize(("what", "before", "patch", "after"), LISTS, ids=[c[0] for c in LISTS])
def test_merging_lists(what: str, before: list[Any], patch: dict[str, Any], after: list[Any]) -> None:
    assert strategic.apply(pod(containers=before), {"spec": patch}, POD) == pod(containers=after)


PRIMITIVES = [
    ("values are united", ["a", "b"], {"finalizers": ["b", "c"]}, ["a", "b", "c"]),
    ("values are deleted", ["a", "b"], {"$deleteFromPrimitiveList/finalizers": ["a", "x"]}, ["b"]),
    (
        "values are put in order",
        ["a", "b", "theirs"],
        {"$setElementOrder/finalizers": ["c", "b", "a"], "finalizers": ["c"]},
        ["c", "b", "a", "theirs"],
    ),
]


@pytest.mark.parametrize(("what", "before", "patch", "after"), PRIMITIVES, ids=[c[0] for c in PRIMITIVES])
def test_lists_of_primitives(what: str, before: list[Any], patch: dict[str, Any], after: list[Any]) -> None:
    assert strategic.apply({"metadata": {"finalizers": before}}, {"metadata": patch}, POD) == {
        "metadata": {"finalizers": after}
    }


def test_deleting_from_a_list_that_is_not_there_makes_none() -> None:
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}
    assert strategic.apply({"metadata": {}}, patch, POD) == {"metadata": {}}


def test_other_lists_are_replaced() -> None:
    before = pod(containers=[box("a", args=["x", "y"])])
    assert strategic.apply(before, pod(containers=[box("a", args=["z"])]), POD) == pod(
        containers=[box("a", args=["z"])]
    )


ERRORS = [
    (PatchError, {"containers": [{"image": "x"}]}, "map: map[image:x] does not contain declared merge key: name"),
    (PatchError, {"containers": [box("a"), "b"]}, "list element types are not identical"),
    (ListOfLists, {"containers": [[]]}, "lists of lists are not supported"),
    (
        PatchError,
        {"containers": [box("a", **{"$patch": "merge"})]},
        "merging lists cannot yet be specified in the patch",
    ),
    (
        PatchError,
        {"containers": [box("a", **{"$patch": "odd"})]},
        "unknown patch type: odd in map: map[$patch:odd name:a]",
    ),
    (PatchError, {"$patch": "merge"}, "unknown patch type: merge in map: map[$patch:merge]"),
    (
        PatchError,
        {"$setElementOrder/containers": [box("b")], "containers": [box("a", image="y")]},
        "The order in patch list:\n[map[image:y name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
    ),
    (MalformedPatch, {"$setElementOrder/containers": "a"}, "invalid patch format of setElementOrder list"),
    (MalformedPatch, {"$deleteFromPrimitiveList": ["a"]}, "invalid patch format of primitive list"),
    (MalformedPatch, {"$retainKeys": "a"}, "invalid patch format of retainKeys"),
    (MalformedPatch, {"$retainKeys": ["containers"], "hostname": "h"}, "invalid patch format of retainKeys"),
]


@pytest.mark.parametrize(("error", "patch", "message"), ERRORS)
def test_what_does_not_fit(error: type[PatchError], patch: dict[str, Any], message: str) -> None:
    with pytest.raises(error) as raised:
        strategic.apply(pod(containers=[box("a", image="x")]), {"spec": patch}, POD)
    assert message in str(raised.value)


def test_nothing_given_is_changed() -> None:
    before = pod(containers=[box("a", image="x", env=[box("E", value="1")])])
    patch = {"spec": {"containers": [box("a", env=[box("E", value="2"), box("F", value="3")])], "hostname": None}}
    text = repr((before, patch))
    strategic.apply(before, patch, POD)
    assert repr((before, patch)) == text


def test_a_port_list_is_merged_by_port() -> None:
    before = {"spec": {"ports": [{"port": 80, "nodePort": 30001}, {"port": 443}]}}
    after = strategic.apply(before, {"spec": {"ports": [{"port": 80, "name": "web"}]}}, SERVICE)
    assert after == {"spec": {"ports": [{"port": 80, "nodePort": 30001, "name": "web"}, {"port": 443}]}}
