"""Whole command lines against what kubectl itself prints (`tools/record_commands.py` records it): selectors, quantities,
durations, flags, and what is said about words that are missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minikctl.api.durations import format_go_duration, human, parse_go_duration
from minikctl.api.quantity import QuantityError, canonical
from minikctl.api.selectors import SelectorError, parse_label_selector
from tests.support.cluster import TestCluster

DATA = json.loads((Path(__file__).parent / "data" / "commands.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    cluster = TestCluster(tmp_path_factory.mktemp("commands") / "state")
    for name, content in DATA["files"].items():
        (cluster.root / name).write_text(content, "utf-8")
    yield cluster
    cluster.close()


def case_id(case: dict[str, Any]) -> str:
    return " ".join(case["argv"])[:70]


@pytest.mark.parametrize("case", DATA["cases"], ids=case_id)
def test_as_kubectl(case: dict[str, Any], shared: TestCluster) -> None:
    got = shared.cli(*case["argv"], cwd=shared.root, environ={"HOME": str(shared.root)})
    assert (got.code, got.out, got.err) == (case["code"], case["out"], case["err"])


PARTS = [
    *(
        "app",
        "tier",
        "web",
        "in",
        "notin",
        "(",
        ")",
        ",",
        "=",
        "==",
        "!=",
        "!",
        "<",
        ">",
        " ",
        "1",
        "a/b",
        "-",
        "é",
        "'",
    )
]


@given(st.lists(st.sampled_from(PARTS), max_size=10).map("".join))
@settings(max_examples=800, deadline=None)
def test_any_selector_works_or_says_why(text: str) -> None:
    try:
        selector = parse_label_selector(text)
    except SelectorError as e:
        assert str(e)
        return
    assert selector.matches({"app": "web"}) in (True, False)


@given(
    st.integers(-(10**12), 10**12), st.sampled_from(["", "n", "u", "m", "k", "M", "G", "Ki", "Mi", "Gi", "e3", "E-2"])
)
@settings(max_examples=500, deadline=None)
def test_canonical_quantities_are_canonical(number: int, suffix: str) -> None:
    once = canonical(f"{number}{suffix}")
    assert canonical(once) == once


@given(st.text("0123456789.+-eEkKMGTPimun _", max_size=10))
@settings(max_examples=800, deadline=None)
def test_any_quantity_works_or_says_why(text: str) -> None:
    try:
        assert canonical(canonical(text)) == canonical(text)
    except QuantityError as e:
        assert str(e)


@given(st.integers(0, 10**9))
@settings(max_examples=500, deadline=None)
def test_durations_read_back(milliseconds: int) -> None:
    text = format_go_duration(milliseconds / 1000)
    assert abs(parse_go_duration(text) - milliseconds / 1000) < 1e-6


@given(st.floats(0, 10**10))
@settings(max_examples=500, deadline=None)
def test_ages_are_short(seconds: float) -> None:
    assert 2 <= len(human(seconds)) <= 6
