"""Fields that stand twice in one JSON object: valid JSON, of which the last counts, and most likely a mistake.

Source: Kubernetes "Field validation", KEP-2885.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


class _Pairs(dict[str, Any]):
    """An object and the names that it has more than once."""

    twice: tuple[str, ...] = ()


def repeated_fields(text: bytes) -> list[str]:
    """Their paths (`spec.containers[0].image`), in the order of the text; nothing for what is no JSON."""
    found = False

    def make(pairs: list[tuple[str, Any]]) -> _Pairs:
        nonlocal found
        made = _Pairs(pairs)
        if len(made) != len(pairs):
            found = True
            names = [name for name, _ in pairs]
            made.twice = tuple(name for i, name in enumerate(names) if name in names[:i])
        return made

    try:
        value = json.loads(text, object_pairs_hook=make)
    except (ValueError, RecursionError):
        return []
    return list(_paths(value, "")) if found else []


def _paths(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, _Pairs):
        prefix = f"{path}." if path else ""
        yield from (prefix + name for name in value.twice)
        for name, inner in value.items():
            yield from _paths(inner, prefix + name)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _paths(inner, f"{path}[{i}]")
