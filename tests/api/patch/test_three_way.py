"""Patches made from two or three objects, and the laws that making and applying keep."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minikctl.api.patch import merge_patch, strategic
from minikctl.api.patch.three_way import (
    ConflictError,
    changed_identity,
    create_three_way,
    create_three_way_json,
    create_two_way,
)

DEPLOYMENT, POD = "apps/v1.Deployment", "core/v1.Pod"


def box(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, **fields}


def boxes(*containers: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"containers": list(containers)}}


TWO_WAY = [
    ("nothing", boxes(box("a")), boxes(box("a")), {}),
    ("a field goes", {"metadata": {"labels": {"a": "1"}}}, {"metadata": {}}, {"metadata": {"labels": None}}),
    (
        "an element changes: key, change, order",
        boxes(box("a", image="1"), box("b")),
        boxes(box("a", image="2"), box("b")),
        {
            "spec": {
                "$setElementOrder/containers": [box("a"), box("b")],
                "containers": [box("a", image="2")],
            }
        },
    ),
    (
        "an element goes",
        boxes(box("a"), box("b")),
        boxes(box("b")),
        {
            "spec": {
                "$setElementOrder/containers": [box("b")],
                "containers": [{"name": "a", "$patch": "delete"}],
            }
        },
    ),
    (
        "only the order changes",
        boxes(box("a"), box("b")),
        boxes(box("b"), box("a")),
        {"spec": {"$setElementOrder/containers": [box("b"), box("a")]}},
    ),
    (
        "primitives",
        {"metadata": {"finalizers": ["a", "b"]}},
        {"metadata": {"finalizers": ["b", "c"]}},
        {
            "metadata": {
                "finalizers": ["c"],
                "$deleteFromPrimitiveList/finalizers": ["a"],
                "$setElementOrder/finalizers": ["b", "c"],
            }
        },
    ),
    ("true is not 1", {"metadata": {"labels": {"a": True}}}, {"metadata": {"labels": {"a": 1}}}, {"metadata": {"labels": {"a": 1}}}),
    ("replaced lists are whole", boxes(box("a", args=["x"])), boxes(box("a", args=["x", "y"])), {
        "spec": {"$setElementOrder/containers": [box("a")], "containers": [box("a", args=["x", "y"])]}
    }),
]  # fmt: skip


@pytest.mark.parametrize(("what", "before", "after", "patch"), TWO_WAY, ids=[c[0] for c in TWO_WAY])
def test_two_way(what: str, before: dict[str, Any], after: dict[str, Any], patch: dict[str, Any]) -> None:
    assert create_two_way(before, after, POD) == patch
    assert strategic.apply(before, patch, POD) == after


def test_retain_keys_are_sent_when_a_union_changes() -> None:
    before = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = create_two_way(before, {"spec": {"strategy": {"type": "Recreate"}}}, DEPLOYMENT)
    assert patch == {"spec": {"strategy": {"$retainKeys": ["type"], "rollingUpdate": None, "type": "Recreate"}}}


def test_what_was_applied_goes_and_what_others_set_stays() -> None:
    applied = boxes(box("web", image="1", env=[box("OLD", value="x")]), box("side"))
    wanted = boxes(box("web", image="2"))
    live = boxes(
        box("web", image="1", env=[box("OLD", value="x"), box("INJECTED", value="y")], imagePullPolicy="Always"),
        box("side"),
        box("mesh"),
    )
    after = strategic.apply(live, create_three_way(applied, wanted, live, POD), POD)
    # `env` was applied and is wanted no more: the whole field goes, injected variables too, as in Kubernetes
    assert after == boxes(box("web", image="2", imagePullPolicy="Always"), box("mesh"))


def test_elements_of_others_in_a_list_that_stays() -> None:
    applied = boxes(box("web", env=[box("OLD", value="x"), box("KEPT", value="1")]))
    wanted = boxes(box("web", env=[box("KEPT", value="2")]))
    live = boxes(box("web", env=[box("OLD", value="x"), box("KEPT", value="1"), box("INJECTED", value="y")]))
    after = strategic.apply(live, create_three_way(applied, wanted, live, POD), POD)
    assert after == boxes(box("web", env=[box("KEPT", value="2"), box("INJECTED", value="y")]))


def test_defaults_of_the_server_are_no_difference() -> None:
    wanted = {"spec": {"ports": [{"port": 80}]}}
    live = {"spec": {"ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}], "clusterIP": "10.96.0.1"}}
    assert create_three_way(wanted, wanted, live, "core/v1.Service") == {}


def test_conflicts() -> None:
    applied, wanted, live = ({"spec": {"replicas": n}} for n in (1, 2, 3))
    with pytest.raises(ConflictError) as raised:
        create_three_way(applied, wanted, live, DEPLOYMENT, overwrite=False)
    assert (raised.value.patch, raised.value.changes) == ({"spec": {"replicas": 2}}, {"spec": {"replicas": 3}})
    assert create_three_way(applied, wanted, live, DEPLOYMENT) == {"spec": {"replicas": 2}}


@pytest.mark.parametrize(
    ("applied", "wanted", "live"),
    [
        ({"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}, {"spec": {"replicas": 1, "paused": True}}),
        (boxes(box("a")), boxes(box("a"), box("b")), boxes(box("a", image="x"), box("c"))),
        ({"metadata": {"finalizers": ["a"]}}, {"metadata": {"finalizers": ["b"]}}, {"metadata": {"finalizers": ["a", "c"]}}),
    ],
)  # fmt: skip
def test_changes_of_different_fields_are_no_conflict(applied: Any, wanted: Any, live: Any) -> None:
    create_three_way(applied, wanted, live, POD if "containers" in str(applied) else DEPLOYMENT, overwrite=False)


def test_json_three_way() -> None:
    applied = {"spec": {"cron": "a", "old": 1, "deep": {"x": 1, "y": 2}}}
    wanted = {"spec": {"cron": "b", "deep": {"x": 1}, "list": [1]}}
    live = {"spec": {"cron": "a", "old": 1, "deep": {"x": 1, "y": 2, "z": 3}, "list": [2, 3]}, "status": {"ok": True}}
    patch = create_three_way_json(applied, wanted, live)
    assert patch == {"spec": {"cron": "b", "old": None, "deep": {"y": None}, "list": [1]}}
    assert merge_patch.apply(live, patch)["spec"] == {"cron": "b", "deep": {"x": 1, "z": 3}, "list": [1]}
    assert create_three_way_json(wanted, wanted, {**wanted, "status": {}}) == {}


def test_identity() -> None:
    assert changed_identity({"kind": "Pod"}) and changed_identity({"metadata": {"name": "x"}})
    assert not changed_identity({"spec": {}, "metadata": {"managedFields": None}})
    assert changed_identity({"metadata": {"managedFields": None}}, "managedFields")


# ---------------------------------------------------------------------- laws

NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
TEXT = st.sampled_from(["", "1", "x", "y"])


def by_name(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[list[Any]]:
    element = st.fixed_dictionaries({"name": NAMES}, optional=fields)
    return st.lists(element, max_size=4, unique_by=lambda e: e["name"])


ENV = by_name({"value": TEXT})
CONTAINERS = by_name(
    {
        "image": TEXT,
        "args": st.lists(TEXT, max_size=3),
        "env": ENV,
        "ports": st.lists(
            st.fixed_dictionaries({"containerPort": st.integers(1, 4)}, optional={"name": TEXT}),
            max_size=3,
            unique_by=lambda p: p["containerPort"],
        ),
        "resources": st.dictionaries(
            st.sampled_from(["limits", "requests"]), st.dictionaries(NAMES, TEXT, max_size=2), max_size=2
        ),
    }
)
VOLUMES = by_name({"emptyDir": st.just({}), "configMap": st.fixed_dictionaries({"name": TEXT})})
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.fixed_dictionaries(
            {},
            optional={
                "labels": st.dictionaries(NAMES, TEXT, max_size=3),
                "finalizers": st.lists(NAMES, max_size=4, unique=True),
            },
        ),
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "replicas": st.integers(0, 3),
                "strategy": st.fixed_dictionaries(
                    {},
                    optional={"type": TEXT, "rollingUpdate": st.dictionaries(st.just("maxSurge"), st.integers(0, 2))},
                ),
                "template": st.fixed_dictionaries(
                    {},
                    optional={
                        "spec": st.fixed_dictionaries({}, optional={"containers": CONTAINERS, "volumes": VOLUMES})
                    },
                ),
            },
        ),
    },
)
quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@quick
@given(OBJECTS, OBJECTS)
def test_a_two_way_patch_leads_from_one_to_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert strategic.apply(before, create_two_way(before, after, DEPLOYMENT), DEPLOYMENT) == after


@quick
@given(OBJECTS, OBJECTS)
def test_three_way_without_others_is_two_way(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert create_three_way(before, after, before, DEPLOYMENT) == create_two_way(before, after, DEPLOYMENT)


@quick
@given(OBJECTS)
def test_no_difference_is_no_patch(obj: dict[str, Any]) -> None:
    assert create_two_way(obj, obj, DEPLOYMENT) == {}
    assert create_three_way_json(obj, obj, obj) == {}


@quick
@given(OBJECTS, OBJECTS, OBJECTS)
def test_applying_is_idempotent(applied: dict[str, Any], wanted: dict[str, Any], live: dict[str, Any]) -> None:
    after = strategic.apply(live, create_three_way(applied, wanted, live, DEPLOYMENT), DEPLOYMENT)
    again = strategic.apply(after, create_three_way(wanted, wanted, after, DEPLOYMENT), DEPLOYMENT)
    assert again == after


def contained(wanted: Any, live: Any) -> bool:
    """Everything wanted is there; lists of named things may have more."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(k in live and contained(v, live[k]) for k, v in wanted.items())
    if isinstance(wanted, list) and wanted and all(isinstance(w, dict) for w in wanted):
        key = "containerPort" if "containerPort" in wanted[0] else "name"
        return all(any(e.get(key) == w[key] and contained(w, e) for e in live) for w in wanted)
    return bool(wanted == live) or (
        isinstance(wanted, list) and isinstance(live, list) and all(w in live for w in wanted)
    )


@quick
@given(OBJECTS, OBJECTS, OBJECTS)
def test_what_is_wanted_is_there_afterwards(
    applied: dict[str, Any], wanted: dict[str, Any], live: dict[str, Any]
) -> None:
    after = strategic.apply(live, create_three_way(applied, wanted, live, DEPLOYMENT), DEPLOYMENT)
    assert contained(wanted, after)


@quick
@given(OBJECTS, OBJECTS, OBJECTS)
def test_json_three_way_laws(applied: dict[str, Any], wanted: dict[str, Any], live: dict[str, Any]) -> None:
    after = merge_patch.apply(live, create_three_way_json(applied, wanted, live))
    assert merge_patch.apply(live, create_three_way_json(live, wanted, live)) == wanted
    assert create_three_way_json(wanted, wanted, after) == {}
