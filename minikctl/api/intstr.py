"""IntOrString values: `2`, `"25%"`. Source: Kubernetes `util/intstr`."""

from __future__ import annotations

import re

_PERCENT = re.compile(r"^[0-9]+%$")


def is_percent(value: object) -> bool:
    """True for text such as `25%`."""
    return isinstance(value, str) and bool(_PERCENT.match(value))


def scaled(value: int | str, total: int, *, round_up: bool) -> int:
    """The number meant by an integer or by a percentage of `total`. Raises ValueError on other text."""
    if isinstance(value, int):
        return value
    if not is_percent(value):
        raise ValueError(f'invalid value for IntOrString: invalid type: string is not a percentage: "{value}"')
    share = int(value[:-1]) * total
    return -(-share // 100) if round_up else share // 100
