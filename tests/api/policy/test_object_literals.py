"""`Object{…}` as maps."""

from __future__ import annotations

import pytest

from minikctl.api.policy.object_literals import LiteralError, as_maps


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("object.spec.replicas > 1", "object.spec.replicas > 1"),
        ("Object{}", "{}"),
        ("Object{spec: Object.spec{replicas: 3}}", '{"spec": {"replicas": 3}}'),
        ("Object { a : 1 , b : 2, }", '{"a": 1 ,"b": 2}'),
        ("Object{?a: optional.of(1)}", '{?"a": optional.of(1)}'),
        ("Object{`a-b`: 1, c__dash__d: 2}", '{"a-b": 1,"c-d": 2}'),
        ('Object{a: "Object{b: 1}, }"}', '{"a": "Object{b: 1}, }"}'),
        ("Object{a: [1, 2].map(x, {'k': x})}", "{\"a\": [1, 2].map(x, {'k': x})}"),
        ("[JSONPatch{op: 'add', value: Object.x{y: 1}}]", '[{"op": \'add\',"value": {"y": 1}}]'),
        ("myObject.x{}", "myObject.x{}"),
        ("has(object.x) ? Object{a: 1} : Object{}", 'has(object.x) ? {"a": 1} : {}'),
    ],
)
def test_as_maps(expression: str, expected: str) -> None:
    assert as_maps(expression) == expected


@pytest.mark.parametrize("expression", ["Object{", "Object{1: 2}", "Object{a: Object.b{}}", "Object{a: Object{}}"])
def test_what_is_no_literal(expression: str) -> None:
    with pytest.raises(LiteralError):
        as_maps(expression)
