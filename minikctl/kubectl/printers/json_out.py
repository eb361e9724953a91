"""JSON as kubectl prints it: four blanks, Go's escapes, Go's floats."""

from __future__ import annotations

from json.encoder import encode_basestring
from typing import Any

_ESCAPES = {ord("&"): "\\u0026", ord("<"): "\\u003c", ord(">"): "\\u003e", 0x2028: "\\u2028", 0x2029: "\\u2029"}
_NEEDS_ESCAPE = ("&", "<", ">", "\u2028", "\u2029")


def dumps(value: Any, *, sort_keys: bool = True, indent: int | None = 4) -> str:
    """`value` as JSON. Objects from the wire are printed with sorted keys, typed ones in Go's field order."""
    out: list[str] = []
    if indent is None:
        _write_compact(value, sort_keys, out)
    else:
        _write(value, sort_keys, "\n", " " * indent, out)
    text = "".join(out)
    if any(c in text for c in _NEEDS_ESCAPE):
        text = text.translate(_ESCAPES)
    return text


def compact(value: Any) -> str:
    """One line, keys sorted."""
    return dumps(value, indent=None)


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return str(encode_basestring(value))
    return go_float(value) if isinstance(value, float) else str(value)


def _write(value: Any, sort_keys: bool, newline: str, step: str, out: list[str]) -> None:
    """`newline` is a line end and the indentation of the value's own lines."""
    if isinstance(value, dict):
        if not value:
            out.append("{}")
            return
        inner, before = newline + step, "{"
        for key in sorted(value) if sort_keys else value:
            item = value[key]
            head = f"{before}{inner}{encode_basestring(key)}: "
            before = ","
            if isinstance(item, str):
                out.append(head + encode_basestring(item))
            else:
                out.append(head)
                _write(item, sort_keys, inner, step, out)
        out.append(newline + "}")
    elif isinstance(value, list | tuple):
        if not value:
            out.append("[]")
            return
        inner, before = newline + step, "["
        for item in value:
            out.append(before + inner)
            before = ","
            _write(item, sort_keys, inner, step, out)
        out.append(newline + "]")
    else:
        out.append(_scalar(value))


def _write_compact(value: Any, sort_keys: bool, out: list[str]) -> None:
    if isinstance(value, dict):
        before = "{"
        for key in sorted(value) if sort_keys else value:
            out.append(f"{before}{encode_basestring(key)}:")
            before = ","
            _write_compact(value[key], sort_keys, out)
        out.append("}" if value else "{}")
    elif isinstance(value, list | tuple):
        before = "["
        for item in value:
            out.append(before)
            before = ","
            _write_compact(item, sort_keys, out)
        out.append("]" if value else "[]")
    else:
        out.append(_scalar(value))


def go_float(value: float) -> str:
    """encoding/json's notation: the shortest digits, an exponent below 1e-6 and from 1e21 on, `1` for 1.0."""
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        text = repr(value)
        if "e" in text:
            from decimal import Decimal

            text = format(Decimal(text), "f")
        return text.removesuffix(".0")
    return exponent_form(value)


def exponent_form(value: float) -> str:
    """`1e+21`, `1.5e-7`: the shortest digits with a sign and, in JSON, no leading zero in a negative exponent."""
    mantissa, _, exponent = repr(value).partition("e")
    if not exponent:
        mantissa, _, exponent = f"{value:e}".partition("e")
        mantissa = mantissa.rstrip("0")
    sign = "-" if exponent.startswith("-") else "+"
    return f"{mantissa.removesuffix('.0').removesuffix('.')}e{sign}{exponent.lstrip('+-').lstrip('0')}"
