"""Custom resources through the API: from the definition to the objects."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, condition_is
from minikctl.client.protocol import WriteOptions
from tests.support.cluster import TestCluster
from tests.support.custom import definition, gadget, version

CRDS = "customresourcedefinitions"
SIZE: Obj = {"size": {"type": "integer", "default": 1, "maximum": 9}, "color": {"type": "string"}}
STRICT = WriteOptions(field_validation="Strict")


def define(cluster: TestCluster, *versions: Obj, **parts: Any) -> Obj:
    return cluster.client.create(CRDS, definition(*(versions or (version(spec=SIZE),)), **parts))


def refused(error: pytest.ExceptionInfo[ApiError]) -> tuple[int, str, str]:
    return error.value.code, error.value.reason, error.value.message


# ---------------------------------------------------------------------- kinds


def test_a_definition_is_served_at_once_in_every_process(cluster: TestCluster) -> None:
    other = type(cluster.client).on_files(cluster.root, actor="other")
    assert other.kind("gadgets") is None
    define(cluster, names={"shortNames": ["gg"], "categories": ["toys"]})
    assert condition_is(cluster.client.get(CRDS, "gadgets.tests.example.com"), "Established")
    for word in ("gadgets", "gadget", "Gadget", "gg", "gadgets.tests.example.com", "gadgets.v1.tests.example.com"):
        kind = other.kind(word)
        assert kind is not None and kind.kind == "Gadget" and kind.categories == ("toys",)
    assert other.kind("gadgets.tests") is not None and other.kind("gadgets.other") is None
    assert other.kind_of("tests.example.com/v1", "Gadget") is other.kind("gg")
    assert "gadgets" in [k.plural for k in other.kinds()]
    other.close()


def test_kinds_keep_their_identity_until_their_definition_changes(cluster: TestCluster) -> None:
    define(cluster)
    before = cluster.client.kind("gadgets")
    cluster.client.create(CRDS, definition(kind="Widget"))
    assert cluster.client.kind("gadgets") is before
    patch = {"spec": {"names": {"shortNames": ["gg"]}}}
    cluster.client.patch(CRDS, "gadgets.tests.example.com", patch)
    assert cluster.client.kind("gg") is not before


def test_names_that_are_let_go_are_given_to_others(cluster: TestCluster) -> None:
    define(cluster, names={"shortNames": ["gg"]})
    cluster.client.create(CRDS, definition(kind="Widget", names={"shortNames": ["gg"]}))
    assert cluster.client.kind("widgets") is None
    cluster.client.patch(CRDS, "gadgets.tests.example.com", {"spec": {"names": {"shortNames": None}}})
    kind = cluster.client.kind("gg")
    assert kind is not None and kind.kind == "Widget"


# ---------------------------------------------------------------------- objects


def test_objects_are_defaulted_pruned_and_validated(cluster: TestCluster) -> None:
    define(cluster)
    warned: list[str] = []
    cluster.client.on_warning(warned.append)
    made = cluster.client.create("gadgets", gadget(spec={"color": "red", "typo": 1}), "default")
    assert made["spec"] == {"color": "red", "size": 1} and made["metadata"]["generation"] == 1
    assert warned == ['unknown field "spec.typo"']
    with pytest.raises(ApiError) as e:
        cluster.client.create("gadgets", gadget("two", spec={"typo": 1}), "default", options=STRICT)
    assert refused(e) == (
        400,
        "BadRequest",
        'Gadget in version "v1" cannot be handled as a Gadget: strict decoding error: unknown field "spec.typo"',
    )
    with pytest.raises(ApiError) as e:
        cluster.client.create("gadgets", gadget("two", spec={"size": 10}), "default")
    assert refused(e) == (
        422,
        "Invalid",
        'Gadget.tests.example.com "two" is invalid: spec.size: Invalid value: 10: '
        "spec.size in body should be less than or equal to 9",
    )


def test_generation_counts_everything_but_metadata(cluster: TestCluster) -> None:
    define(cluster)
    client = cluster.client
    client.create("gadgets", gadget(spec={}), "default")
    assert (
        client.patch("gadgets", "one", {"metadata": {"labels": {"a": "b"}}}, "default")["metadata"]["generation"] == 1
    )
    assert client.patch("gadgets", "one", {"spec": {"size": 2}}, "default")["metadata"]["generation"] == 2
    assert client.patch("gadgets", "one", {"status": {"x": 1}}, "default")["metadata"]["generation"] == 3


def test_the_status_subresource(cluster: TestCluster) -> None:
    schema = {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": SIZE},
            "status": {"type": "object", "properties": {"phase": {"type": "string", "enum": ["On", "Off"]}}},
        },
    }
    define(cluster, version(schema=schema, subresources={"status": {}}))
    client = cluster.client
    made = client.create("gadgets", gadget(spec={"size": 2}, status={"phase": "On"}), "default")
    assert "status" not in made
    changed = client.update("gadgets", {**made, "spec": {"size": 5}, "status": {"phase": "On"}}, subresource="status")
    assert (changed["spec"], changed["status"], changed["metadata"]["generation"]) == ({"size": 2}, {"phase": "On"}, 1)
    changed = client.update("gadgets", {**changed, "spec": {"size": 5}, "status": {"phase": "Off"}})
    assert (changed["spec"], changed["status"], changed["metadata"]["generation"]) == ({"size": 5}, {"phase": "On"}, 2)
    with pytest.raises(ApiError) as e:
        client.patch("gadgets", "one", {"status": {"phase": "?"}}, "default", subresource="status")
    assert 'status.phase: Unsupported value: "?": supported values: "On", "Off"' in e.value.message


def test_the_scale_subresource(cluster: TestCluster) -> None:
    scale = {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size", "labelSelectorPath": ".spec.color"}
    define(cluster, version(spec=SIZE, subresources={"scale": scale, "status": {}}))
    client = cluster.client
    client.create("gadgets", gadget(spec={"size": 2, "color": "app=x"}), "default")
    found = client.get("gadgets", "one", "default", subresource="scale")
    assert found["spec"] == {"replicas": 2} and found["status"] == {"replicas": 0, "selector": "app=x"}
    client.patch("gadgets", "one", {"spec": {"replicas": 4}}, "default", subresource="scale")
    assert client.get("gadgets", "one", "default")["spec"]["size"] == 4
    with pytest.raises(ApiError) as e:
        client.create("gadgets", gadget("two", spec={"size": -1}), "default")
    assert ".spec.size: Invalid value: -1: should be a non-negative integer" in e.value.message


def test_defaults_that_came_later_are_seen_in_objects_that_were_there(cluster: TestCluster) -> None:
    define(cluster)
    cluster.client.create("gadgets", gadget(spec={}), "default")
    later = {**SIZE, "mode": {"type": "string", "default": "slow"}}
    cluster.client.patch(CRDS, "gadgets.tests.example.com", {"spec": {"versions": [version(spec=later)]}})
    assert cluster.client.get("gadgets", "one", "default")["spec"] == {"size": 1, "mode": "slow"}
    assert cluster.client.list("gadgets")["items"][0]["spec"]["mode"] == "slow"


def test_an_update_may_leave_wrong_what_it_does_not_touch(cluster: TestCluster) -> None:
    define(cluster)
    cluster.client.create("gadgets", gadget(spec={"size": 9}), "default")
    narrower = {**SIZE, "size": {"type": "integer", "maximum": 5}}
    cluster.client.patch(CRDS, "gadgets.tests.example.com", {"spec": {"versions": [version(spec=narrower)]}})
    cluster.client.patch("gadgets", "one", {"spec": {"color": "blue"}}, "default")
    with pytest.raises(ApiError, match="less than or equal to 5"):
        cluster.client.patch("gadgets", "one", {"spec": {"size": 8}}, "default")


def test_versions_show_one_object(cluster: TestCluster) -> None:
    define(
        cluster,
        version("v1beta1", spec=SIZE, storage=False, deprecated=True),
        version("v1", spec={**SIZE, "mode": {"type": "string", "default": "slow"}}),
    )
    client = cluster.client
    old = client.kind_of("tests.example.com/v1beta1", "Gadget")
    new = client.kind("gadgets")
    assert old is not None and new is not None and (new.version, old.stored) == ("v1", new)
    warned: list[str] = []
    client.on_warning(warned.append)
    made = client.create(old, gadget(version_="v1beta1", spec={"size": 3}), "default")
    assert made["apiVersion"] == "tests.example.com/v1beta1"
    assert warned == ["tests.example.com/v1beta1 Gadget is deprecated"]
    assert client.get(new, "one", "default")["spec"] == {"size": 3, "mode": "slow"}
    client.patch(old, "one", {"spec": {"size": 4}}, "default")
    shown = client.get(new, "one", "default")
    assert (shown["apiVersion"], shown["spec"]["size"]) == ("tests.example.com/v1", 4)
    assert client.list(old)["apiVersion"] == "tests.example.com/v1beta1"
    assert cluster.store.get("tests.example.com/gadgets/default/one")["apiVersion"] == "tests.example.com/v1"  # type: ignore[index]


def test_the_version_that_is_stored_may_change(cluster: TestCluster) -> None:
    define(cluster, version("v1", spec=SIZE), version("v2", spec=SIZE, storage=False))
    cluster.client.create("gadgets.v1.tests.example.com", gadget(spec={"size": 2}), "default")
    versions = [version("v1", spec=SIZE, storage=False), version("v2", spec=SIZE)]
    crd = cluster.client.patch(CRDS, "gadgets.tests.example.com", {"spec": {"versions": versions}})
    assert crd["status"]["storedVersions"] == ["v1", "v2"]
    assert cluster.client.get("gadgets", "one", "default")["apiVersion"] == "tests.example.com/v2"
    cluster.client.patch("gadgets", "one", {"spec": {"size": 3}}, "default")
    assert cluster.store.get("tests.example.com/gadgets/default/one")["apiVersion"] == "tests.example.com/v2"  # type: ignore[index]
    with pytest.raises(ApiError, match=r"missing from spec.versions; v1 was previously a storage version"):
        cluster.client.patch(CRDS, "gadgets.tests.example.com", {"spec": {"versions": versions[1:]}})


def test_selectable_fields(cluster: TestCluster) -> None:
    define(cluster, version(spec=SIZE, selectableFields=[{"jsonPath": ".spec.color"}, {"jsonPath": ".spec.size"}]))
    for name, spec in (("red", {"color": "red"}), ("blue", {"color": "blue"}), ("none", {})):
        cluster.client.create("gadgets", gadget(name, spec=spec), "default")
    client = cluster.client

    def names(selector: str) -> list[str]:
        return [o["metadata"]["name"] for o in client.list("gadgets", field_selector=selector)["items"]]

    assert names("spec.color=red") == ["red"]
    assert names("spec.color!=red,spec.size=1") == ["blue", "none"]
    with pytest.raises(ApiError, match=r"field label not supported: spec\.other"):
        names("spec.other=x")


def test_cluster_scope(cluster: TestCluster) -> None:
    define(cluster, scope="Cluster")
    made = cluster.client.create("gadgets", gadget(spec={}))
    assert "namespace" not in made["metadata"]
    assert cluster.store.get("tests.example.com/gadgets/one") is not None


def test_server_side_apply_knows_sets_and_maps(cluster: TestCluster) -> None:
    items = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
    }
    spec = {
        "list": {
            "type": "array",
            "items": items,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
        "set": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
    }
    define(cluster, version(spec=spec))
    one = gadget(spec={"list": [{"name": "a", "value": "1"}], "set": ["x"]})
    two = gadget(spec={"list": [{"name": "b", "value": "2"}], "set": ["y"]})
    for manager, obj in (("one", one), ("two", two)):
        options = WriteOptions(field_manager=manager)
        made = cluster.client.patch("gadgets", "one", obj, "default", patch_type="apply", options=options)
    assert made["spec"]["set"] == ["x", "y"]
    assert [i["name"] for i in made["spec"]["list"]] == ["a", "b"]
    two["spec"]["list"][0] = {"name": "a", "value": "3"}
    with pytest.raises(ApiError, match=r'conflict with "one": .spec.list\[name="a"\].value'):
        cluster.client.patch(
            "gadgets", "one", two, "default", patch_type="apply", options=WriteOptions(field_manager="two")
        )


def test_rows(cluster: TestCluster) -> None:
    columns = [
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
        {"name": "Color", "type": "string", "jsonPath": ".spec.color", "description": "What it looks like."},
        {"name": "All", "type": "string", "jsonPath": ".spec", "priority": 1},
        {"name": "Never", "type": "date", "jsonPath": ".spec.color"},
    ]
    define(cluster, version(spec=SIZE, additionalPrinterColumns=columns))
    cluster.client.create("gadgets", gadget(spec={"color": "red"}), "default")
    table = cluster.client.table("gadgets", "default")
    assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Size", "Color", "All", "Never"]
    assert table["columnDefinitions"][1]["description"] == (
        "Custom resource definition column (in JSONPath format): .spec.size"
    )
    assert table["rows"][0]["cells"] == ["one", 1, "red", '{"color":"red","size":1}', "<invalid>"]
    assert cluster.cli("get", "gadgets").out.split() == [
        "NAME",
        "SIZE",
        "COLOR",
        "NEVER",
        "one",
        "1",
        "red",
        "<invalid>",
    ]


def test_nothing_new_while_the_definition_goes(cluster: TestCluster) -> None:
    define(cluster)
    cluster.client.create("gadgets", gadget(spec={}), "default")
    cluster.client.delete(CRDS, "gadgets.tests.example.com")
    with pytest.raises(ApiError) as e:
        cluster.client.create("gadgets", gadget("two", spec={}), "default")
    assert refused(e) == (
        403,
        "Forbidden",
        'gadgets.tests.example.com "two" is forbidden: create not allowed while custom resource definition is terminating',
    )
    cluster.client.patch("gadgets", "one", {"spec": {"size": 2}}, "default")


def test_what_definitions_are_warned_of_and_refused_for(cluster: TestCluster) -> None:
    warned: list[str] = []
    cluster.client.on_warning(warned.append)
    define(
        cluster, version(spec={"a": {"type": "string", "format": "fancy"}, "b": {"type": "string", "format": "uuid"}})
    )
    assert warned == ['unrecognized format "fancy"']
    with pytest.raises(ApiError, match=r"set x-kubernetes-preserve-unknown-fields to true in spec\.versions"):
        define(cluster, kind="Other", preserveUnknownFields=True)


def test_keys_of_list_maps_may_have_defaults(cluster: TestCluster) -> None:
    items = {
        "type": "object",
        "required": ["port"],
        "properties": {
            "port": {"type": "integer"},
            "layer": {"type": "string", "default": "four"},
            "note": {"type": "string"},
        },
    }
    keys = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "layer"]}
    define(cluster, version(spec={"ports": {"type": "array", "items": items, **keys}}))

    def apply(manager: str, *ports: Obj) -> Obj:
        options = WriteOptions(field_manager=manager)
        spec = {"ports": list(ports)}
        return cluster.client.patch("gadgets", "one", gadget(spec=spec), "default", patch_type="apply", options=options)

    apply("one", {"port": 1})
    made = apply("two", {"port": 1, "layer": "four", "note": "x"}, {"port": 1, "layer": "seven"})
    assert [(p["port"], p["layer"], p.get("note")) for p in made["spec"]["ports"]] == [
        (1, "four", "x"),
        (1, "seven", None),
    ]
    again = apply("two", {"port": 1, "layer": "seven"})
    assert [(p["port"], p["layer"], p.get("note")) for p in again["spec"]["ports"]] == [
        (1, "four", None),
        (1, "seven", None),
    ]
