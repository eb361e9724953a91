"""Values as Go's fmt prints them: `%v`, `%#v` and `%q` of JSON data."""

from __future__ import annotations

from typing import Any

_QUOTED = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}


def quote(text: str) -> str:
    """strconv.Quote."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(map(_quoted, text)) + '"'


def _quoted(char: str) -> str:
    code = ord(char)
    if code in _QUOTED:
        return _QUOTED[code]
    if char.isprintable():
        return char
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def number(value: float) -> str:
    """%v of a float64: the shortest digits, an exponent below 1e-4 and from 1e21 on."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return exponent_number(value, 21)


def exponent_number(value: float, limit: int) -> str:
    """The shortest digits; in exponent form when the exponent is below -4 or at least `limit`."""
    from decimal import Decimal

    sign, figures, power = Decimal(repr(value)).as_tuple()
    digits = "".join(map(str, figures)).rstrip("0") or "0"
    shift = int(power) + len(figures) - len(digits)
    minus, exponent = ("-" if sign else ""), shift + len(digits) - 1
    if digits == "0":
        return f"{minus}0"
    if exponent < -4 or exponent >= limit:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        return f"{minus}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if shift >= 0:
        return minus + digits + "0" * shift
    if exponent >= 0:
        return f"{minus}{digits[: exponent + 1]}.{digits[exponent + 1 :]}"
    return f"{minus}0.{'0' * (-exponent - 1)}{digits}"


def sprint(value: Any) -> str:
    """%v: `map[a:1 b:[x y]]`, `<nil>`, `true`."""
    if isinstance(value, str):
        return value
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        return "map[" + " ".join(f"{k}:{sprint(value[k])}" for k in sorted(value)) + "]"
    if isinstance(value, list | tuple):
        return "[" + " ".join(map(sprint, value)) + "]"
    return str(value)


def syntax(value: Any) -> str:
    """%#v: `map[string]interface {}{"a":1}`."""
    if isinstance(value, str):
        return quote(value)
    if value is None:
        return "interface {}(nil)"
    if isinstance(value, dict):
        return "map[string]interface {}{" + ", ".join(f"{quote(k)}:{syntax(value[k])}" for k in sorted(value)) + "}"
    if isinstance(value, list | tuple):
        return "[]interface {}{" + ", ".join(map(syntax, value)) + "}"
    return exponent_number(value, 6) if isinstance(value, float) else sprint(value)


def type_name(value: Any) -> str:
    """%T of decoded JSON."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int):
        return "int64"
    if isinstance(value, float):
        return "float64"
    return "map[string]interface {}" if isinstance(value, dict) else "[]interface {}"
