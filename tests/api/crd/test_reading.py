"""Defaults, pruning, metadata of custom resources."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.crd import reading
from minikctl.api.meta import Obj
from minikctl.api.schema import DecodeError

STRING: Obj = {"type": "string"}
SCHEMA: Obj = {
    "type": "object",
    "properties": {
        "size": {"type": "integer", "default": 3},
        "note": {"type": "string", "nullable": True, "default": "x"},
        "plain": {"type": "string"},
        "parts": {
            "type": "array",
            "items": {"type": "object", "properties": {"n": {"type": "integer", "default": 1}, "s": STRING}},
        },
        "free": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"a": {"type": "object", "properties": {"b": STRING}}},
        },
        "labels": {"type": "object", "additionalProperties": {"type": "object", "properties": {"v": STRING}}},
        "pod": {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"spec": {"type": "object"}}},
        "ports": {"type": "object", "additionalProperties": {"type": "integer", "default": 7}},
    },
}

DEFAULTS: list[tuple[Obj, Obj]] = [
    ({}, {"size": 3, "note": "x"}),
    ({"size": 5, "note": "y"}, {"size": 5, "note": "y"}),
    ({"size": None, "note": None, "plain": None}, {"size": 3, "note": None}),
    ({"parts": [{}, {"n": 2}]}, {"size": 3, "note": "x", "parts": [{"n": 1}, {"n": 2}]}),
    ({"ports": {"a": None, "b": 1}}, {"size": 3, "note": "x", "ports": {"a": 7, "b": 1}}),
    ({"other": None}, {"size": 3, "note": "x", "other": None}),
]


@pytest.mark.parametrize(("given", "expected"), DEFAULTS)
def test_defaults(given: Obj, expected: Obj) -> None:
    reading.default(SCHEMA, given)
    assert given == expected


def test_defaults_are_copies() -> None:
    schema: Obj = {"type": "object", "properties": {"a": {"type": "object", "default": {"b": []}}}}
    one: dict[str, Any] = {}
    reading.default(schema, one)
    one["a"]["b"].append(1)
    assert schema["properties"]["a"]["default"] == {"b": []}


@pytest.mark.parametrize(
    ("given", "expected", "unknown"),
    [
        ({"x": 1, "size": 1}, {"size": 1}, ["x"]),
        ({"parts": [{"n": 1, "z": 2}, {"y": 1}]}, {"parts": [{"n": 1}, {}]}, ["parts[0].z", "parts[1].y"]),
        ({"free": {"any": {"thing": 1}, "a": {"b": "", "c": 1}}}, {"free": {"any": {"thing": 1}, "a": {"b": ""}}}, ["free.a.c"]),
        ({"labels": {"k": {"v": "1", "w": 2}}}, {"labels": {"k": {"v": "1"}}}, ["labels.k.w"]),
        ({"pod": {"kind": "Pod", "spec": {"x": 1}, "other": 1}}, {"pod": {"kind": "Pod", "spec": {}}}, ["pod.other", "pod.spec.x"]),
        ({"parts": [1, "x"]}, {"parts": [1, "x"]}, []),
    ],
)  # fmt: skip
def test_pruning(given: Obj, expected: Obj, unknown: list[str]) -> None:
    found = reading.prune(SCHEMA, given)
    assert (given, sorted(found)) == (expected, unknown)


def test_metadata_is_read_as_such() -> None:
    obj: Obj = {
        "metadata": {"name": "a", "labels": {"x": "y"}, "nonsense": 1},
        "pod": {"metadata": {"name": "p", "more": 2}},
    }
    unknown = reading.read(SCHEMA, obj)
    assert unknown == ["metadata.nonsense", "pod.metadata.more"]
    assert obj["metadata"] == {"name": "a", "labels": {"x": "y"}}
    assert obj["pod"]["metadata"] == {"name": "p"}
    with pytest.raises(DecodeError):
        reading.read(SCHEMA, {"metadata": {"labels": {"x": 1}}})


def test_without_a_schema_nothing_but_metadata_stays() -> None:
    obj: Obj = {"metadata": {"name": "a"}, "spec": {"x": 1}}
    assert reading.read(None, obj) == ["spec"]
    assert obj == {"metadata": {"name": "a"}}
