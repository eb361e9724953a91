"""Which schemas definitions may have."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.meta import Obj
from minikctl.api.validation import custom_resource_definition, openapi_schema
from tests.support.custom import definition, version

INT: Obj = {"type": "integer"}


def errors(status: bool = False, **root: Any) -> list[str]:
    return [str(e) for e in openapi_schema.validate({"type": "object", **root}, "s", status=status)]


def of(part: Obj) -> list[str]:
    return errors(properties={"a": part})


AT = "s.properties[a]"
PARTS: list[tuple[Obj, list[str]]] = [
    ({}, [f"{AT}.type: Required value: must not be empty for specified object fields"]),
    ({"x-kubernetes-preserve-unknown-fields": True}, []),
    ({"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}, []),
    ({"type": "array"}, [f"{AT}.items: Required value: must be specified"]),
    ({"type": "array", "items": {}}, [f"{AT}.items.type: Required value: must not be empty for specified array items"]),
    ({"type": "text"}, [f'{AT}.type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"']),
    ({"type": "string", "anyOf": [{"type": "string"}]}, []),
    ({"type": "string", "not": {"description": "no"}}, []),
    ({"type": "string", "pattern": "("}, []),
    ({"type": "string", "uniqueItems": True}, [f"{AT}.uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic"]),
    ({"type": "object", "properties": {"b": INT}, "additionalProperties": INT}, [f"{AT}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive"]),
    ({"type": "string", "$ref": "x"}, [f"{AT}.$ref: Forbidden: $ref is not supported"]),
    ({"type": "string", "x-kubernetes-list-type": "set"}, [f'{AT}.type: Invalid value: "string": must be array if x-kubernetes-list-type is specified']),
    ({"type": "array", "items": INT, "x-kubernetes-list-type": "bag"}, [f'{AT}.x-kubernetes-list-type: Unsupported value: "bag": supported values: "atomic", "set", "map"']),
    ({"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"}, [f"{AT}.x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map"]),
    (
        {"type": "array", "items": {"type": "object", "properties": {"k": INT}}, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]},
        [f"{AT}.items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"],
    ),
    ({"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "set"}, [f"{AT}.items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set"]),
    ({"type": "integer", "default": "x"}, [f'{AT}.default: Invalid value: "string":  in body must be of type integer: "string"']),
    ({"type": "object", "properties": {"b": INT}, "default": {"c": 1}}, [f'{AT}.default: Invalid value: {{"c":1}}: must not have unknown fields']),
    ({"type": "object", "properties": {"b": {**INT, "maximum": 1}}, "default": {"b": 2}}, [f"{AT}.default.b: Invalid value: 2: b in body should be less than or equal to 1"]),
    ({"type": "object", "x-kubernetes-embedded-resource": True}, [f"{AT}.properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"]),
]  # fmt: skip


@pytest.mark.parametrize(("part", "expected"), PARTS)
def test_parts(part: Obj, expected: list[str]) -> None:
    found = of(part)
    if expected or not ({"anyOf", "not", "pattern"} & part.keys()) or part.get("x-kubernetes-int-or-string"):
        assert found == expected
    else:
        assert len(found) == 1


def test_words_of_nested_errors() -> None:
    assert of({"type": "string", "anyOf": [{"type": "string"}]}) == [
        f"{AT}.anyOf[0].type: Forbidden: must be empty to be structural"
    ]
    assert of({"type": "string", "not": {"description": "no"}}) == [
        f"{AT}.not.description: Forbidden: must be empty to be structural"
    ]
    assert (
        "must be a valid regular expression, but isn't: error parsing regexp"
        in of({"type": "string", "pattern": "("})[0]
    )


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        ({"properties": {"metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 3}}}}}, []),
        (
            {"properties": {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}},
            ["s.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified"],
        ),
        (
            {"anyOf": [{"properties": {"b": {"minimum": 1}}}]},
            ["s.properties[b]: Required value: because it is defined in s.anyOf[0].properties[b]"],
        ),
        ({"nullable": True}, ["s.nullable: Forbidden: nullable cannot be true at the root"]),
        ({"additionalProperties": INT}, ["s.additionalProperties: Forbidden: must not be used at the root"]),
        ({"type": "array", "items": INT}, ['s.type: Invalid value: "array": must be object at the root']),
    ],
)  # fmt: skip
def test_roots(root: Obj, expected: list[str]) -> None:
    assert errors(**root) == expected


def test_with_status_the_root_is_plain() -> None:
    assert (
        "fields are allowed at the root of the schema if the status subresource is enabled"
        in errors(True, minProperties=1)[0]
    )
    assert errors(True, required=["spec"]) == []


def refused(crd: Obj) -> list[str]:
    crd["spec"]["names"] = {"singular": "gadget", "listKind": "GadgetList", **crd["spec"]["names"]}
    return [str(e) for e in custom_resource_definition.validate(crd)]


def test_what_all_versions_share_has_one_place() -> None:
    bad: Obj = {"x": {}}
    one = refused(definition(version(spec=bad)))
    assert one == [
        "spec.validation.openAPIV3Schema.properties[spec].properties[x].type: Required value: "
        "must not be empty for specified object fields"
    ]
    two = refused(definition(version(spec=bad), version("v2", spec={}, storage=False)))
    assert two[0].startswith("spec.versions[0].schema.openAPIV3Schema.properties[spec]")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ([{"jsonPath": ".spec.n"}], ""),
        ([{"jsonPath": ".spec.z"}], "is an invalid path: does not refer to a valid field"),
        ([{"jsonPath": ".spec.o"}], "must point to a field of type string, boolean or integer."),
        ([{"jsonPath": ".spec.n"}, {"jsonPath": ".spec.n"}], "Duplicate value"),
        ([{"jsonPath": "spec.n"}], "is an invalid path: expected [ or . but got: spec"),
    ],
)
def test_selectable_fields(fields: list[Obj], text: str) -> None:
    found = refused(definition(version(spec={"n": INT, "o": {"type": "object"}}, selectableFields=fields)))
    assert (text in found[0]) if text else found == []
