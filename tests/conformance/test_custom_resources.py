"""[sig-api-machinery] CustomResourceDefinition resources, CustomResourcePublishOpenAPI, FieldValidation."""

from __future__ import annotations

import json

import pytest

from tests.conformance.conftest import APPLY, MERGE, Api
from tests.conformance.definitions import ANYTHING, CRDS, make_definition
from tests.support.waiting import eventually


def test_getting_updating_patching_definition_status(api: Api, unique: str) -> None:
    made = make_definition(api, unique)
    path = f"{CRDS}/{made.name}/status"
    got = api.get(path)
    assert got["metadata"]["name"] == made.name
    condition = {"type": "StatusUpdate", "status": "True", "reason": "E2E", "message": "Set from a test"}
    condition["lastTransitionTime"] = "2026-01-02T03:04:05Z"
    got["status"]["conditions"].append(condition)
    updated = api.put(path, got)
    assert condition in updated["status"]["conditions"]
    patch = {"status": {"conditions": [{**condition, "type": "StatusPatched"}]}, "spec": {"scope": "Cluster"}}
    patched = api.patch(path, patch, MERGE)
    assert [c["type"] for c in patched["status"]["conditions"]][-1:] == ["StatusPatched"]
    assert patched["spec"]["scope"] == "Namespaced"
    made.remove()


def test_listing_definitions(api: Api, unique: str) -> None:
    label = {"e2e-list": unique}
    made = [make_definition(api, f"{unique}{letter}", labels=label) for letter in "abc"]
    selector = f"e2e-list={unique}"
    assert {i["metadata"]["name"] for i in api.items(CRDS, labelSelector=selector)} == {m.name for m in made}
    api.delete(CRDS, labelSelector=selector)
    eventually(lambda: api.items(CRDS, labelSelector=selector) == [])


def published(api: Api, group: str, kind: str) -> dict:
    definitions = api.get("/openapi/v2")["definitions"]
    found = [d for d in definitions.values() if {"group": group, "version": "v1", "kind": kind} in _kinds(d)]
    return found[0] if found else {}


def _kinds(definition: dict) -> list[dict]:
    return definition.get("x-kubernetes-group-version-kind") or []


def test_publishing_a_crd_that_preserves_unknown_fields_at_the_root(api: Api, ns: str, unique: str) -> None:
    made = make_definition(api, unique, schema=ANYTHING)
    eventually(lambda: bool(published(api, made.group, made.kind)))
    found = published(api, made.group, made.kind)
    assert found["type"] == "object" and found.get("x-kubernetes-preserve-unknown-fields") in (None, True)
    strict = api.post(made.path(ns), made.object("a", spec={"a": 1}, other=[1]), fieldValidation="Strict")
    assert (strict["spec"], strict["other"]) == ({"a": 1}, [1])
    made.remove()
    eventually(lambda: not published(api, made.group, made.kind))


def test_publishing_a_crd_that_preserves_unknown_fields_in_an_embedded_object(api: Api, ns: str, unique: str) -> None:
    schema = {
        "type": "object",
        "description": "preserve-unknown-properties in nested field for Testing",
        "properties": {
            "spec": {**ANYTHING, "description": "Specification of Waldo"},
            "status": {"type": "object", "properties": {"dummy": {**ANYTHING, "description": "Dummy property"}}},
        },
    }
    made = make_definition(api, unique, schema=schema)
    eventually(lambda: bool(published(api, made.group, made.kind)))
    found = published(api, made.group, made.kind)
    assert found["description"] == schema["description"]
    assert found["properties"]["spec"]["description"] == "Specification of Waldo"
    strict = api.post(made.path(ns), made.object("a", spec={"anything": {"at": "all"}}), fieldValidation="Strict")
    assert strict["spec"] == {"anything": {"at": "all"}}
    api.post(made.path(ns), made.object("b", unknown=1), fieldValidation="Strict", code=400)
    made.remove()


VALIDATED = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "cronSpec": {"type": "string", "pattern": r"^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$"},
                "replicas": {"type": "integer", "minimum": 1, "maximum": 10},
                "ports": {
                    "type": "array",
                    "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
                    "x-kubernetes-list-type": "map",
                    "items": {
                        "type": "object",
                        "required": ["containerPort", "protocol"],
                        "properties": {
                            "containerPort": {"type": "integer"},
                            "protocol": {"type": "string"},
                            "hostPort": {"type": "integer"},
                        },
                    },
                },
            },
        }
    },
}
SPEC = {"cronSpec": "* * * * */5", "ports": [{"containerPort": 8080, "hostPort": 8081, "protocol": "TCP"}]}


def test_field_validation_of_a_cr_without_a_schema(api: Api, ns: str, unique: str) -> None:
    made = make_definition(api, unique)
    body = made.object("a", spec={"unknown": "uk1", **SPEC})
    api.post(made.path(ns), body, fieldValidation="Strict", code=201)
    body["metadata"]["name"] = "b"
    applied = api.patch(
        f"{made.path(ns)}/b", body, APPLY, fieldManager="field_validation_mgr", fieldValidation="Strict", code=201
    )
    assert applied["spec"]["unknown"] == "uk1"
    made.remove()


def test_field_validation_of_a_valid_cr(api: Api, ns: str, unique: str) -> None:
    made = make_definition(api, unique, schema=VALIDATED)
    api.post(made.path(ns), made.object("a", spec=SPEC), fieldValidation="Strict", code=201)
    api.patch(
        f"{made.path(ns)}/b", made.object("b", spec=SPEC), APPLY, fieldManager="m", fieldValidation="Strict", code=201
    )
    twice = json.dumps(made.object("c", spec=SPEC)).replace('"cronSpec"', '"cronSpec": "1", "cronSpec"')
    refused = api.http.post(
        made.path(ns), content=twice, headers={"Content-Type": "application/json"}, params={"fieldValidation": "Strict"}
    )
    assert refused.status_code == 400 and 'duplicate field "spec.cronSpec"' in refused.json()["message"]
    made.remove()


@pytest.mark.parametrize("mode", ["Strict", "Warn"])
def test_field_validation_of_unknown_metadata_fields(api: Api, ns: str, unique: str, mode: str) -> None:
    embedded = {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True}
    template = {"type": "object", "properties": {"template": embedded}}
    made = make_definition(api, unique, schema={"type": "object", "properties": {"spec": template}})
    inner = {"apiVersion": "foo/v1", "kind": "Sub", "metadata": {"name": "subobject", "unknownSubMeta": "x"}}
    body = made.object("a", spec={"template": inner})
    body["metadata"]["unknownMeta"] = "y"
    answer = api.http.post(made.path(ns), json=body, params={"fieldValidation": mode})
    fields = ('unknown field "metadata.unknownMeta"', 'unknown field "spec.template.metadata.unknownSubMeta"')
    if mode == "Strict":
        assert answer.status_code == 400
        assert all(f in answer.json()["message"] for f in fields)
    else:
        assert answer.status_code == 201
        warned = answer.headers["warning"].replace('\\"', '"')
        assert all(f in warned for f in fields)
    made.remove()
