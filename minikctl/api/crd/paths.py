"""Simple field paths of rules and selectable fields: `.spec.replicas`, `.labels['a/b']`.

Source: apiextensions-apiserver `pkg/apiserver/schema/cel/validation.go` (ValidFieldPath).
"""

from __future__ import annotations

import re
from typing import Any

Schema = dict[str, Any]
_TOKEN = re.compile(r"\.([^.\[\]]+)|\['((?:[^'\\]|\\.)*)'\]")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "'": "'", "\\": "\\"}


class PathError(ValueError):
    """No path, or one that leads nowhere."""


def steps(path: str, *, brackets: bool = True) -> list[str]:
    """The names along a path. Raises PathError."""
    out, at = [], 0
    while at < len(path):
        m = _TOKEN.match(path, at)
        if m is None:
            raise PathError(f"expected [ or . but got: {re.split(r'[.[]', path[at:], maxsplit=1)[0] or path[at]}")
        if m[2] is not None:
            if not brackets:
                raise PathError("array notation is not allowed")
            out.append(re.sub(r"\\(.)", lambda e: _ESCAPES.get(e[1], e[1]), m[2]))
        else:
            out.append(m[1])
        at = m.end()
    return out


def find(schema: Schema, path: str, *, brackets: bool = True) -> Schema:
    """The schema that a path leads to. Raises PathError."""
    for step in steps(path, brackets=brackets):
        properties, extra = schema.get("properties"), schema.get("additionalProperties")
        if properties is not None:
            if step not in properties:
                raise PathError("does not refer to a valid field")
            schema = properties[step]
        elif isinstance(extra, dict):
            schema = extra
        else:
            raise PathError("does not refer to a valid field")
    return schema


def normalized(path: str) -> str:
    """As error paths show it, with a dot in front: `.labels[a/b]` becomes `.labels.a/b`."""
    try:
        return "".join(f".{step}" for step in steps(path))
    except PathError:
        return f".{path}"
