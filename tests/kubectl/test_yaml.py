"""YAML out and in: what is written reads back the same, by our own reader and by PyYAML's."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from minikctl.kubectl import manifest, yaml_in
from minikctl.kubectl.printers import json_out, kyaml, yaml_out

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=30) | st.text(
    st.sampled_from(" \n\t-:#'\"\\|>[]{},&*!%@`?.0123456789eExXbBoO+_~yYnNtTfFab"), max_size=12
)
KEYS = TEXTS.filter(lambda k: len(k) < 100)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False).map(yaml_in.whole)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
@settings(max_examples=400, deadline=None)
def test_yaml_reads_back(value: Any) -> None:
    assert yaml_in.loads(yaml_out.dumps({"value": value})) == {"value": value}


def only_for_others(text: str) -> bool:
    """`=`, `<<` and `.5_` have a meaning of their own in YAML 1.1 that neither go-yaml nor kubectl know."""
    return text in ("=", "<<") or (text.startswith(".") and "_" in text)


@given(st.dictionaries(KEYS, TEXTS, max_size=5).filter(lambda d: not any(map(only_for_others, {*d, *d.values()}))))
@settings(max_examples=400, deadline=None)
def test_other_parsers_read_the_same_strings(value: dict[str, str]) -> None:
    assert yaml.load(yaml_out.dumps(value), Loader=yaml.CSafeLoader) == value


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_kyaml_reads_back(value: Any) -> None:
    assert yaml_in.loads(kyaml.dumps({"value": value})) == {"value": value}


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_json_reads_back(value: Any) -> None:
    for text in (json_out.dumps({"value": value}), json_out.compact({"value": value})):
        assert list(manifest.parse_stream(text)) == [{"value": value}]


@given(st.text(max_size=40))
@settings(max_examples=500, deadline=None)
def test_any_text_is_yaml_or_a_clear_error(text: str) -> None:
    try:
        yaml_in.loads(text)
    except yaml_in.YAMLError as e:
        assert str(e)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("on", True),
        ("No", False),
        ("~", None),
        ("0o17", 15),
        ("017", 15),
        ("0x1f", 31),
        ("1_000", 1000),
        (".0_", ".0_"),
        (".5e1_0", 5000000000),
        ("+.5_1", 0.51),
        ("1e3", 1000),
        ("1e1000", "1e1000"),
        ("12:30", "12:30"),
        ("2026-05-01", "2026-05-01"),
        ("2026-05-01T10:00:00Z", "2026-05-01T10:00:00Z"),
        ("9223372036854775808", 9.223372036854775808e18),
        ("tRue", "tRue"),
    ],
)
def test_plain_scalars(text: str, meaning: object) -> None:
    assert yaml_in.loads(f"k: {text}") == {"k": meaning}


def test_laughing_aliases_are_refused() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(yaml_in.YAMLError, match="excessive aliasing"):
        yaml_in.loads("\n".join(lines))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (1.5e-7, "1.5e-7"),
        (0.000001, "0.000001"),
        (123456789.25, "123456789.25"),
        (-0.0, "-0"),
    ],
)
def test_floats_in_json(value: float, text: str) -> None:
    assert json_out.dumps(value) == text


def test_empty_documents() -> None:
    assert [yaml_out.dumps(v) for v in ({}, [], "", None)] == ["{}\n", "[]\n", '""\n', "null\n"]
