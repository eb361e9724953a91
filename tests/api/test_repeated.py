"""Fields that stand twice."""

from __future__ import annotations

import pytest

from minikctl.api.repeated import repeated_fields


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (b'{"a": 1, "b": {"a": 2}}', []),
        (b'{"a": 1, "a": 2}', ["a"]),
        (b'{"a": 1, "a": 2, "a": 3}', ["a", "a"]),
        (b'{"spec": {"list": [{"x": 1}, {"x": 1, "x": 2}]}}', ["spec.list[1].x"]),
        (b'{"b": {"x": 1, "x": 2}, "a": 1, "a": 2}', ["a", "b.x"]),
        (b'[{"a": 1, "a": 2}]', ["[0].a"]),
        (b"{", []),
        (b"[" * 100_000, []),
    ],
)
def test_paths(text: bytes, paths: list[str]) -> None:
    assert repeated_fields(text) == paths
