"""Validation of custom resources: Kubernetes' words."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.crd import embedded, lists, values
from minikctl.api.meta import Obj


def errors(schema: Obj, value: Any, **more: Any) -> list[str]:
    whole = {"type": "object", "properties": {"a": schema}}
    return [str(e) for e in values.validate(whole, {"a": value}, **more)]


WRONG: list[tuple[Obj, Any, list[str]]] = [
    ({"type": "integer"}, "x", ['a: Invalid value: "string": a in body must be of type integer: "string"']),
    ({"type": "string"}, 1, ['a: Invalid value: "integer": a in body must be of type string: "integer"']),
    ({"type": "string"}, None, ['a: Invalid value: "null": a in body must be of type string: "null"']),
    ({"type": "string", "nullable": True}, None, []),
    ({"type": "number"}, 1, []),
    ({"type": "integer"}, 1.0, []),
    ({"type": "integer"}, 1.5, ['a: Invalid value: "number": a in body must be of type integer: "number"']),
    ({"type": "boolean"}, "true", ['a: Invalid value: "string": a in body must be of type boolean: "string"']),
    ({"x-kubernetes-int-or-string": True}, "80%", []),
    (
        {"x-kubernetes-int-or-string": True},
        True,
        ['a: Invalid value: "boolean": a in body must be of type integer,string: "boolean"'],
    ),
    ({"type": "string", "maxLength": 2}, "abc", ["a: Too long: may not be more than 2 bytes"]),
    (
        {"type": "string", "minLength": 2},
        "ä",
        ['a: Invalid value: "ä": a in body should be at least 2 chars long'],
    ),
    ({"type": "string", "pattern": "^b"}, "ab", ["a: Invalid value: \"ab\": a in body should match '^b'"]),
    ({"type": "string", "pattern": "b"}, "ab", []),
    (
        {"type": "string", "enum": ["x", "y"]},
        "z",
        ['a: Unsupported value: "z": supported values: "x", "y"'],
    ),
    ({"type": "integer", "enum": [1, 2]}, 3, ['a: Unsupported value: 3: supported values: "1", "2"']),
    (
        {"type": "integer", "maximum": 5},
        7,
        ["a: Invalid value: 7: a in body should be less than or equal to 5"],
    ),
    (
        {"type": "integer", "minimum": 5, "exclusiveMinimum": True},
        5,
        ["a: Invalid value: 5: a in body should be greater than 5"],
    ),
    (
        {"type": "number", "maximum": 0.5},
        0.75,
        ["a: Invalid value: 0.75: a in body should be less than or equal to 0.5"],
    ),
    ({"type": "number", "multipleOf": 0.1}, 0.3, []),
    ({"type": "integer", "multipleOf": 3}, 4, ["a: Invalid value: 4: a in body should be a multiple of 3"]),
    (
        {"type": "integer", "format": "int32"},
        2**31,
        ['<nil>: Invalid value: "": Checked value must be of type integer with format int32 in a'],
    ),
    (
        {"type": "array", "items": {"type": "string"}, "maxItems": 1},
        ["x", 2],
        [
            'a[1]: Invalid value: "integer": a[1] in body must be of type string: "integer"',
            "a: Too many: 2: must have at most 1 items",
        ],
    ),
    ({"type": "array", "minItems": 1}, [], ["a: Invalid value: 0: a in body should have at least 1 items"]),
    (
        {"type": "array", "uniqueItems": True},
        [1, 1],
        ['a: Invalid value: "": a in body shouldn\'t contain duplicates'],
    ),
    ({"type": "object", "required": ["x"]}, {}, ["a.x: Required value"]),
    ({"type": "object", "maxProperties": 0}, {"x": 1}, ["a: Too many: 1: must have at most 0 items"]),
    (
        {"type": "object", "minProperties": 1},
        {},
        ["a: Invalid value: 0: a in body should have at least 1 properties"],
    ),
    (
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"k": "x"},
        ['a.k: Invalid value: "string": a.k in body must be of type integer: "string"'],
    ),
    (
        {"type": "string", "oneOf": [{"pattern": "^a"}, {"pattern": "b$"}]},
        "ab",
        ['<nil>: Invalid value: "": "a" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
    ),
    (
        {"type": "string", "anyOf": [{"minLength": 5}, {"maxLength": 1}]},
        "abc",
        [
            '<nil>: Invalid value: "": "a" must validate at least one schema (anyOf)',
            'a: Invalid value: "abc": a in body should be at least 5 chars long',
        ],
    ),
    ({"type": "string", "anyOf": [{"minLength": 5}, {"minLength": 1}]}, "abc", []),
    (
        {"type": "string", "allOf": [{"minLength": 5}, {"minLength": 1}]},
        "abc",
        [
            'a: Invalid value: "abc": a in body should be at least 5 chars long',
            '<nil>: Invalid value: "": "a" must validate all the schemas (allOf)',
        ],
    ),
    (
        {"type": "string", "not": {"pattern": "^a"}},
        "abc",
        ['<nil>: Invalid value: "": "a" must not validate the schema (not)'],
    ),
    (
        {"type": "string", "format": "date-time"},
        "noon",
        ['a: Invalid value: "noon": a in body must be of type date-time: "noon"'],
    ),
    ({"type": "string", "format": "date-time"}, "2026-01-02T03:04:05Z", []),
    ({"type": "string", "format": "unheard-of"}, "anything", []),
]


@pytest.mark.parametrize(("schema", "value", "expected"), WRONG)
def test_words(schema: Obj, value: Any, expected: list[str]) -> None:
    assert errors(schema, value) == expected


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("ipv4", "10.0.0.1", "10.0.0"),
        ("ipv6", "fe80::1", "10.0.0.1"),
        ("cidr", "10.0.0.0/8", "10.0.0.0"),
        ("uuid", "6f5902ac-2377-4a1e-9c3e-3f4c2f1a0b9d", "6f59"),
        ("uuid4", "6f5902ac-2377-4a1e-9c3e-3f4c2f1a0b9d", "6f5902ac-2377-1a1e-9c3e-3f4c2f1a0b9d"),
        ("email", "a@b.c", "a.b"),
        ("hostname", "web.example.com", "a b"),
        ("uri", "https://example.com/x", "x y"),
        ("date", "2026-02-28", "2026-02-30"),
        ("duration", "1h5m", "soon"),
        ("byte", "aGk=", "a"),
        ("mac", "00:11:22:33:44:55", "00:11"),
        ("hexcolor", "#ffaa00", "#ggg"),
        ("isbn", "978-0321751041", "978-0321751040"),
        ("ssn", "123-45-6789", "12-45"),
        ("creditcard", "4111 1111 1111 1111", "4111 1111 1111 1112"),
        ("k8s-short-name", "web-1", "Web"),
        ("k8s-long-name", "a.b.c", "a..b"),
        ("password", "anything", None),
    ],
)
def test_formats(name: str, good: str, bad: str | None) -> None:
    schema = {"type": "string", "format": name}
    assert errors(schema, good) == []
    if bad is not None:
        assert errors(schema, bad) == [f'a: Invalid value: "{bad}": a in body must be of type {name}: "{bad}"']


def test_what_an_update_leaves_alone_may_be_wrong() -> None:
    schema: Obj = {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "maximum": 1},
            "b": {"type": "string"},
            "list": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "properties": {"name": {"type": "string"}, "n": {"maximum": 1}}},
            },
        },
        "required": ["c"],
    }
    old = {"a": 5, "b": "x", "list": [{"name": "p", "n": 9}]}
    assert [e.field for e in values.validate(schema, {**old, "b": "y"}, old=old)] == ["c"]
    assert [e.field for e in values.validate(schema, {**old, "a": 6}, old=old)] == ["a", "c"]
    new = {**old, "list": [{"name": "q", "n": 9}, {"name": "p", "n": 9}]}
    assert [e.field for e in values.validate(schema, new, old=old)] == ["list[0].n", "c"]


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"x-kubernetes-list-type": "set"}, ["a", "b", "a", "a"], ['l[2]: Duplicate value: "a"']),
        ({"x-kubernetes-list-type": "set"}, [{"x": 1, "y": 2}, {"y": 2, "x": 1}], ['l[1]: Duplicate value: {"x":1,"y":2}']),
        (
            {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n", "p"]},
            [{"n": 1, "p": "t"}, {"n": 1, "p": "u"}, {"n": 1, "p": "t", "z": 1}],
            ['l[2]: Duplicate value: {"n":1,"p":"t"}'],
        ),
        ({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"]}, [1], ["l[0]: Invalid value: 1: must be an object for an array of list-type map"]),
        ({"x-kubernetes-list-type": "atomic"}, [1, 1], []),
    ],
)  # fmt: skip
def test_sets_and_maps(schema: Obj, value: Any, expected: list[str]) -> None:
    found = lists.validate({"properties": {"l": schema}}, {"l": value})
    assert [str(e) for e in found] == expected


def test_embedded_resources() -> None:
    schema: Obj = {"properties": {"pod": {"type": "object", "x-kubernetes-embedded-resource": True}}}
    good = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {"x": "y"}}}
    assert embedded.validate(schema, {"pod": good}) == []
    bad = {"apiVersion": "a/b/c", "kind": "", "metadata": {"labels": {"x": "not valid!"}}}
    fields = sorted(e.field.partition("[")[0] for e in embedded.validate(schema, {"pod": bad}))
    assert fields == ["pod.apiVersion", "pod.kind", "pod.metadata.labels"]
    assert [str(e) for e in embedded.validate(schema, {"pod": {}})] == [
        "pod.apiVersion: Required value",
        "pod.kind: Required value",
    ]
