"""Fields that stand twice, and what is said of them."""

from __future__ import annotations

import json

import pytest

from minikctl.api.repeated import complaints, repeated_fields, repeated_in_yaml


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (b'{"a": 1, "b": {"a": 2}}', []),
        (b'{"a": 1, "a": 2}', ["a"]),
        (b'{"a": 1, "a": 2, "a": 3}', ["a", "a"]),
        (b'{"spec": {"list": [{"x": 1}, {"x": 1, "x": 2}]}}', ["spec.list[1].x"]),
        (b'{"b": {"x": 1, "x": 2}, "a": 1, "a": 2}', ["b.x", "a"]),
        (b'[{"a": 1, "a": 2}]', ["[0].a"]),
        (b"{", []),
        (b"[" * 100_000, []),
    ],
)
def test_paths(text: bytes, paths: list[str]) -> None:
    assert [path for path, again in repeated_fields(text) if again] == paths


@pytest.mark.parametrize(
    ("text", "unknown", "texts"),
    [
        (b'{"b": {"u": 1}, "a": 1}', ["b.u"], ['unknown field "b.u"']),
        (b'{"b": {"u": 1}, "a": 1}', ["a", "b.u"], ['unknown field "b.u"', 'unknown field "a"']),
        (b'{"u": 1, "a": 1, "a": 2}', ["u"], ['unknown field "u"', 'duplicate field "a"']),
        (b'{"a": 1, "a": 2, "u": 1}', ["u"], ['duplicate field "a"', 'unknown field "u"']),
        (b'{"u": 1, "u": 2}', ["u"], ['unknown field "u"', 'duplicate field "u"']),
        (b'{"a": 1, "a": 2}', ["elsewhere"], ['duplicate field "a"', 'unknown field "elsewhere"']),
        (b"{}", [], []),
    ],
)
def test_complaints_come_in_the_order_of_the_text(text: bytes, unknown: list[str], texts: list[str]) -> None:
    assert complaints(json.loads(text), unknown, repeated_fields(text)) == texts


def test_what_is_pruned_comes_after_what_is_repeated() -> None:
    text = b'{"u": 1, "a": 1, "a": 2}'
    found = complaints(json.loads(text), ["u"], repeated_fields(text), pruned=True)
    assert found == ['duplicate field "a"', 'unknown field "u"']


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a: 1\nb: {a: 1}\n", []),
        (b"\na: 1\nspec:\n  foo: 1\n  foo: 2\n", ['  line 5: key "foo" already set in map']),
        (
            b"- a: 1\n  a: 2\n- {b: 1, b: 2}",
            ['  line 2: key "a" already set in map', '  line 3: key "b" already set in map'],
        ),
        (b"a: &x {b: 1}\nc: *x", []),
        (b"{", []),
        (b"? [a]\n: 1\n? [a]\n: 2", []),
    ],
)
def test_keys_of_yaml(text: bytes, said: list[str]) -> None:
    assert repeated_in_yaml(text) == "\n".join(["yaml: unmarshal errors:", *said] if said else [])
