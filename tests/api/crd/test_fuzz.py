"""Random structural schemas and values: what we accept, a JSON Schema validator accepts, and the other way round."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minikctl.api.crd import lists, reading, rules, values
from minikctl.api.meta import Obj
from minikctl.api.validation import openapi_schema

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")

NAMES = st.sampled_from(["a", "b", "c", "d-e"])
TEXTS = st.text(alphabet="abc-1", max_size=5)
NUMBERS = st.integers(-5, 5)


def scalars() -> st.SearchStrategy[Obj]:
    text = st.fixed_dictionaries(
        {"type": st.just("string")},
        optional={
            "minLength": st.integers(0, 3),
            "maxLength": st.integers(0, 4),
            "pattern": st.sampled_from(["^a", "b$", "[a-c]+", "1|-"]),
            "enum": st.lists(TEXTS, min_size=1, max_size=3, unique=True),
        },
    )
    number = st.fixed_dictionaries(
        {"type": st.sampled_from(["integer", "number"])},
        optional={"minimum": NUMBERS, "maximum": NUMBERS, "multipleOf": st.integers(1, 3)},
    )
    return st.one_of(text, number, st.just({"type": "boolean"}))


def composed(inner: st.SearchStrategy[Obj]) -> st.SearchStrategy[Obj]:
    array = st.fixed_dictionaries(
        {"type": st.just("array"), "items": inner},
        optional={"minItems": st.integers(0, 2), "maxItems": st.integers(0, 3)},
    )
    mapping = st.fixed_dictionaries(
        {"type": st.just("object"), "additionalProperties": inner},
        optional={"minProperties": st.integers(0, 2), "maxProperties": st.integers(0, 3)},
    )
    record = st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(NAMES, inner, max_size=3)},
        optional={"required": st.lists(NAMES, max_size=2, unique=True)},
    )
    return st.one_of(array, mapping, record)


def with_alternatives(schema: Obj, draw: Any) -> Obj:
    """Sometimes allOf, anyOf, oneOf or not, without types: structural schemas have them so."""
    checks = st.sampled_from([{"minLength": 2}, {"maxLength": 1}, {"minimum": 0}, {"maximum": 2}, {"maxItems": 1}])
    which = draw(st.sampled_from(["", "", "allOf", "anyOf", "oneOf", "not"]))
    if which == "not":
        return {**schema, "not": draw(checks)}
    return {**schema, which: draw(st.lists(checks, min_size=1, max_size=3))} if which else schema


@st.composite
def schemas(draw: Any) -> Obj:
    schema: Obj = draw(st.recursive(scalars(), composed, max_leaves=6))
    return with_alternatives(schema, draw)


def json_values() -> st.SearchStrategy[Any]:
    leaves = st.one_of(TEXTS, NUMBERS, st.floats(-5, 5, width=16), st.booleans(), st.none())
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
        max_leaves=8,
    )


def fitting(schema: Obj) -> st.SearchStrategy[Any]:
    """Values that have at least the right types, mostly."""
    match schema.get("type"):
        case "string":
            return st.one_of(TEXTS, st.sampled_from(schema.get("enum") or ["a"]))
        case "integer":
            return NUMBERS
        case "number":
            return st.one_of(NUMBERS, st.floats(-5, 5, width=16))
        case "boolean":
            return st.booleans()
        case "array":
            return st.lists(fitting(schema["items"]), max_size=3)
    if isinstance(schema.get("additionalProperties"), dict):
        return st.dictionaries(NAMES, fitting(schema["additionalProperties"]), max_size=3)
    known = {name: fitting(part) for name, part in schema.get("properties", {}).items()}
    return st.fixed_dictionaries({}, optional=known)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_we_accept_what_json_schema_accepts(data: st.DataObject) -> None:
    schema = data.draw(schemas())
    value = data.draw(st.one_of(json_values(), fitting(schema)))
    ours = values.validate({"type": "object", "properties": {"v": schema}}, {"v": value}) == []
    theirs = jsonschema.Draft4Validator(schema).is_valid(value)
    assert ours == theirs, (schema, value)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_nothing_goes_wrong_on_the_way(data: st.DataObject) -> None:
    """Whatever the schema and the object, there are errors or none, and what is stored is read again the same."""
    schema = {"type": "object", "properties": {"spec": data.draw(schemas())}}
    rule = {"rule": "!has(self.spec) || type(self.spec) != int || self.spec < 100"}
    checked = {**schema, "x-kubernetes-validations": [rule]}
    obj: Obj = {
        "metadata": {"name": "x"},
        **data.draw(st.dictionaries(st.sampled_from(["spec", "other"]), json_values())),
    }
    reading.read(schema, obj)
    again = reading.copy(obj)
    assert reading.read(schema, again) == [] and again == obj
    found = values.validate(schema, obj) + lists.validate(schema, obj)
    rules.validate(checked, obj, found=found)
    assert values.validate(schema, obj, old=obj) == [] or not isinstance(obj.get("spec"), object)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(json_values())
def test_no_schema_makes_the_checks_fall_over(schema: Any) -> None:
    """The type tables have made sure of the shapes of keywords; what remains must not raise."""
    part = schema if isinstance(schema, dict) else {"type": "string", "default": schema}
    openapi_schema.validate(
        {"type": "object", "properties": {"v": {"type": "object", "properties": {"p": part}}}}, "s", status=True
    )
