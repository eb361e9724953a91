"""x-kubernetes-validations: rules on objects, and rules that compile."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.cel import types
from minikctl.api.crd import rules
from minikctl.api.errors import FieldError
from minikctl.api.meta import Obj
from minikctl.api.patch.values import ABSENT
from minikctl.api.validation import openapi_schema

INT: Obj = {"type": "integer"}
STRING: Obj = {"type": "string"}


def spec_schema(*given: Obj, **properties: Obj) -> Obj:
    return {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": properties, "x-kubernetes-validations": list(given)},
        },
    }


def errors(schema: Obj, spec: Any, old: Any = ABSENT) -> list[str]:
    before = {"spec": old} if old is not ABSENT else ABSENT
    return [str(e) for e in rules.validate(schema, {"spec": spec}, before)]


def test_a_rule_that_holds_says_nothing() -> None:
    schema = spec_schema({"rule": "self.min <= self.max"}, min=INT, max=INT)
    assert errors(schema, {"min": 1, "max": 2}) == []
    assert errors(schema, {"min": 3, "max": 2}) == ["spec: Invalid value: failed rule: self.min <= self.max"]
    assert errors(schema, {"min": 3}) == [
        'spec: Invalid value: "object": no such key: max evaluating rule: self.min <= self.max'
    ]


RULE: list[tuple[Obj, str]] = [
    ({"message": "too many"}, "spec: Invalid value: too many"),
    ({"messageExpression": "'got ' + string(self.n)"}, "spec: Invalid value: got 5"),
    ({"messageExpression": "'a\\nb'", "message": "plain"}, "spec: Invalid value: plain"),
    ({"messageExpression": "self.nothing", "message": "plain"}, "spec: Invalid value: plain"),
    ({"fieldPath": ".n", "message": "m"}, "spec.n: Invalid value: m"),
    ({"fieldPath": ".labels['a/b']", "message": "m"}, "spec.labels.a/b: Invalid value: m"),
    ({"reason": "FieldValueForbidden", "message": "m"}, "spec: Forbidden: m"),
    ({"reason": "FieldValueRequired", "message": "m"}, "spec: Required value: m"),
    ({"reason": "FieldValueDuplicate", "message": "m"}, "spec: Duplicate value: m"),
]


@pytest.mark.parametrize(("more", "expected"), RULE)
def test_what_a_broken_rule_says(more: Obj, expected: str) -> None:
    labels = {"type": "object", "additionalProperties": STRING}
    assert errors(spec_schema({"rule": "self.n < 3", **more}, n=INT, labels=labels), {"n": 5}) == [expected]


def test_scalars_are_shown() -> None:
    schema: Obj = {
        "type": "object",
        "properties": {"a": {**STRING, "x-kubernetes-validations": [{"rule": "self == 'x'"}]}},
    }
    found = rules.validate(schema, {"a": "y"})
    assert [str(e) for e in found] == ["a: Invalid value: \"y\": failed rule: self == 'x'"]


def test_transitions() -> None:
    schema = spec_schema({"rule": "self.n >= oldSelf.n", "message": "never less"}, n=INT)
    assert errors(schema, {"n": 1}) == []
    assert errors(schema, {"n": 1}, {"n": 2}) == ["spec: Invalid value: never less"]
    assert errors(schema, {"n": 3}, {"n": 2}) == []


def test_an_optional_old_self() -> None:
    rule = {"rule": "!oldSelf.hasValue() || oldSelf.value().n <= self.n", "optionalOldSelf": True, "message": "m"}
    schema = spec_schema(rule, n=INT)
    assert errors(schema, {"n": 1}) == []
    assert errors(schema, {"n": 1}, {"n": 2}) == ["spec: Invalid value: m"]
    only_new = spec_schema({"rule": "oldSelf.hasValue()", "optionalOldSelf": True, "message": "m"}, n=INT)
    assert errors(only_new, {"n": 1}) == ["spec: Invalid value: m"]
    assert errors(only_new, {"n": 1}, {"n": 2}) == []


def test_items_of_list_maps_have_old_ones() -> None:
    items = {
        "type": "object",
        "properties": {"name": STRING, "n": INT},
        "x-kubernetes-validations": [{"rule": "self.n >= oldSelf.n", "message": "less"}],
    }
    listed = {
        "type": "array",
        "items": items,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
    }
    old = {"l": [{"name": "a", "n": 5}, {"name": "b", "n": 5}]}
    new = {"l": [{"name": "b", "n": 4}, {"name": "c", "n": 1}, {"name": "a", "n": 6}]}
    assert errors(spec_schema(l=listed), new, old) == ["spec.l[0]: Invalid value: less"]


def test_what_has_not_changed_is_forgiven() -> None:
    inner = {"type": "object", "properties": {"n": INT}, "x-kubernetes-validations": [{"rule": "self.n < 3"}]}
    schema = spec_schema(a=inner, b=INT)
    assert errors(schema, {"a": {"n": 9}, "b": 2}, {"a": {"n": 9}, "b": 1}) == []
    assert len(errors(schema, {"a": {"n": 8}, "b": 2}, {"a": {"n": 9}, "b": 1})) == 1


def test_rules_wait_for_valid_types() -> None:
    blocking = FieldError("FieldValueRequired", "spec.n")
    found = rules.validate(spec_schema({"rule": "self.n > 1"}, n=INT), {"spec": {}}, found=[blocking])
    assert [str(e) for e in found] == [
        "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; "
        "correct the existing errors to complete validation"
    ]


VALUES: list[tuple[Obj, str, Any]] = [
    ({"type": "string", "format": "date-time"}, "self.getFullYear() == 2026", "2026-05-06T07:08:09Z"),
    ({"type": "string", "format": "date"}, "self < timestamp('2027-01-01T00:00:00Z')", "2026-05-06"),
    ({"type": "string", "format": "duration"}, "self > duration('1m')", "1h"),
    ({"type": "string", "format": "byte"}, "self == b'hi'", "aGk="),
    ({"type": "number"}, "self / 2.0 == 0.5", 1),
    ({"x-kubernetes-int-or-string": True}, "type(self) == string ? self == '5%' : self == 5", "5%"),
    ({"type": "array", "items": INT}, "self.all(x, x > 0) && self.sum() == 3", [1, 2]),
    ({"type": "object", "additionalProperties": INT}, "self.all(k, self[k] > 0)", {"a-b": 1}),
    ({"type": "object", "properties": {"a-b": INT, "namespace": INT}}, "self.a__dash__b + self.__namespace__ == 3", {"a-b": 1, "namespace": 2}),
    ({"type": "object", "properties": {"a": {**STRING, "nullable": True}}}, "!has(self.a)", {"a": None}),
    ({"type": "array", "items": {"type": "array", "items": INT}}, "self[0][1] == 2", [[1, 2]]),
    (
        {"type": "object", "additionalProperties": {"type": "array", "items": STRING}},
        "self['k'][0].startsWith('v')",
        {"k": ["v1"]},
    ),
    ({"type": "string"}, "quantity(self).isLessThan(quantity('1Gi'))", "500Mi"),
]  # fmt: skip


@pytest.mark.parametrize(("part", "rule", "value"), VALUES)
def test_values_have_their_types(part: Obj, rule: str, value: Any) -> None:
    schema = {"type": "object", "properties": {"a": {**part, "x-kubernetes-validations": [{"rule": rule}]}}}
    assert openapi_schema.validate(schema, "s", status=False) == []
    assert rules.validate(schema, {"a": value}) == []


def test_the_root_sees_names() -> None:
    rule = {"rule": "self.metadata.name.startsWith('web') && self.kind == 'Gadget' && self.spec.n > 0"}
    schema = {**spec_schema(n=INT), "x-kubernetes-validations": [rule]}
    assert openapi_schema.validate(schema, "s", status=False) == []
    obj = {"apiVersion": "x/v1", "kind": "Gadget", "metadata": {"name": "web-1", "labels": {}}, "spec": {"n": 1}}
    assert rules.validate(schema, obj) == []
    assert len(rules.validate(schema, {**obj, "metadata": {"name": "db"}})) == 1


def compiled(rule: Obj, **properties: Obj) -> list[str]:
    return [str(e) for e in openapi_schema.validate(spec_schema(rule, **properties), "s", status=False)]


WHOLE = '{"Rule":"%s","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}'
AT = "s.properties[spec].x-kubernetes-validations[0]"


def test_a_rule_about_a_field_that_does_not_exist() -> None:
    shown = WHOLE % "self.x \\u003e 1"
    assert compiled({"rule": "self.x > 1"}, n=INT) == [
        f"{AT}.rule: Invalid value: {shown}: compilation failed: "
        "ERROR: <input>:1:5: undefined field 'x'\n | self.x > 1\n | ....^"
    ]


REFUSED: list[tuple[Obj, str]] = [
    ({"rule": "self.n +"}, "Syntax error"),
    ({"rule": "self.n == 'x'"}, "found no matching overload for '_==_' applied to '(int, string)'"),
    ({"rule": "self.n"}, "cel expression must evaluate to a bool"),
    ({"rule": ""}, f"{AT}.rule: Required value: rule is not specified"),
    ({"rule": "true", "message": "a\nb"}, "must not contain line breaks"),
    ({"rule": "true", "messageExpression": "1"}, "messageExpression must evaluate to a string"),
    ({"rule": "true", "messageExpression": "self.z"}, "messageExpression compilation failed"),
    ({"rule": "true", "reason": "Because"}, f'{AT}.reason: Unsupported value: "Because"'),
    ({"rule": "true", "fieldPath": ".z"}, f'{AT}.fieldPath: Invalid value: ".z": must be a valid path'),
    ({"rule": "true", "optionalOldSelf": True}, "may not be set if oldSelf is not used in rule"),
]


@pytest.mark.parametrize(("rule", "text"), REFUSED)
def test_refused(rule: Obj, text: str) -> None:
    found = compiled(rule, n=INT)
    assert len(found) == 1 and text in found[0]


def test_no_old_self_where_nothing_can_be_matched() -> None:
    items = {**INT, "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}
    schema = spec_schema(l={"type": "array", "items": items})
    found = [str(e) for e in openapi_schema.validate(schema, "s", status=False)]
    assert (
        len(found) == 1 and "uncorrelatable portion of the schema within s.properties[spec].properties[l]" in found[0]
    )


@pytest.mark.parametrize(
    ("name", "escaped"),
    [("a", "a"), ("a-b", "a__dash__b"), ("a.b/c", "a__dot__b__slash__c"), ("in", "__in__"), ("a__b", "a__underscores__b"), ("1a", ""), ("a b", "")],
)  # fmt: skip
def test_names_are_escaped(name: str, escaped: str) -> None:
    assert types.escape(name) == escaped


def test_the_order_of_sets_and_maps_means_nothing_to_transitions() -> None:
    same = {"rule": "self.s == oldSelf.s && self.m == oldSelf.m", "message": "changed"}
    items = {
        "type": "object",
        "properties": {"k": STRING, "s": {"type": "array", "items": INT, "x-kubernetes-list-type": "set"}},
    }
    schema = spec_schema(
        same,
        s={"type": "array", "items": STRING, "x-kubernetes-list-type": "set"},
        m={"type": "array", "items": items, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]},
        a={"type": "array", "items": STRING},
    )
    old = {"s": ["a", "b"], "m": [{"k": "x", "s": [1, 2]}, {"k": "y"}]}
    turned = {"s": ["b", "a"], "m": [{"k": "y"}, {"k": "x", "s": [2, 1]}]}
    assert errors(schema, turned, old) == []
    for other in ({**turned, "s": ["a", "c"]}, {**turned, "m": [{"k": "y"}]}, {**turned, "s": ["a"]}):
        assert errors(schema, other, old) == ["spec: Invalid value: changed"]
    atomic = spec_schema({"rule": "self.a == oldSelf.a", "message": "changed"}, a={"type": "array", "items": STRING})
    assert errors(atomic, {"a": ["b", "a"]}, {"a": ["a", "b"]}) == ["spec: Invalid value: changed"]
