"""The texts of refused fields."""

from typing import Any

import pytest

from minikctl.api.errors import field_invalid


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("<a & b>", '"<a & b>"'),
        ('say "hi"\n', r'"say \"hi\"\n"'),
        ("\x00ü\u200b", r'"\x00ü\u200b"'),
        (7, "7"),
        (None, "null"),
        (["a<b"], '["a\\u003cb"]'),
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
    ],
)
def test_values_are_shown_as_go_shows_them(value: Any, shown: str) -> None:
    assert str(field_invalid("spec.x", value, "why")) == f"spec.x: Invalid value: {shown}: why"
