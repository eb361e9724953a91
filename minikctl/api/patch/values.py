"""JSON values as Go sees them: what is equal, what is of one kind, and how `%v` prints them."""

from __future__ import annotations

from enum import Enum
from typing import Any


class Absent(Enum):
    """A key that is not there, as opposed to one whose value is null."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


def kind_of(value: Any) -> str:
    """`object array string bool number null`, or `absent`."""
    match value:
        case Absent():
            return "absent"
        case dict():
            return "object"
        case list():
            return "array"
        case str():
            return "string"
        case bool():
            return "bool"
        case None:
            return "null"
    return "number"


def identical(a: Any, b: Any) -> bool:
    """Deep equality that tells `true` from `1`, which Python's `==` does not."""
    if type(a) is not type(b) and kind_of(a) != kind_of(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(identical(v, b[k]) for k, v in a.items())
    if isinstance(a, list):
        return len(a) == len(b) and all(identical(x, y) for x, y in zip(a, b))
    return bool(a == b)


def go_value(value: Any) -> str:
    """A value as Go's `%v` prints it: `map[spec:map[replicas:x]]`."""
    match value:
        case dict():
            return "map[" + " ".join(f"{k}:{go_value(v)}" for k, v in sorted(value.items())) + "]"
        case list():
            return "[" + " ".join(go_value(v) for v in value) + "]"
        case bool():
            return "true" if value else "false"
        case None:
            return "<nil>"
    return str(value)
