"""JSON in and out, in the three shapes that this project writes."""

from __future__ import annotations

import json
from typing import Any

import orjson

JSONError = orjson.JSONDecodeError
loads = orjson.loads


def compact(value: Any) -> bytes:
    """One line, keys in the order they stand."""
    return orjson.dumps(value)


def indented(value: Any) -> bytes:
    """Two-space indentation with a final newline: the files of the state directory, made for reading and `diff`."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def go_json(value: Any, *, indent: int | None = None, sort_keys: bool = False) -> str:
    """As Go's encoding/json writes: `<`, `>`, `&` and the line separators escaped, all other Unicode as it is."""
    if isinstance(value, dict) and not value and indent:
        return "{}"
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, sort_keys=sort_keys)
    for char, escape in (
        ("&", "\\u0026"),
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("\u2028", "\\u2028"),
        ("\u2029", "\\u2029"),
    ):
        if char in text:
            text = text.replace(char, escape)
    return text
