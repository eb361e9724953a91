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
    """%v of a float64: the shortest digits, an exponent below 1e-4 and from a million on."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    from decimal import Decimal

    sign, figures, power = Decimal(repr(value)).as_tuple()
    digits = "".join(map(str, figures)).rstrip("0") or "0"
    shift = int(power) + len(figures) - len(digits)
    minus, exponent = ("-" if sign else ""), shift + len(digits) - 1
    if digits == "0":
        return f"{minus}0"
    if exponent < -4 or exponent >= 6:
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
    return sprint(value)


class Int(int):
    """Go's `int`: constants, lengths and positions. JSON's integers are int64."""


def type_name(value: Any) -> str:
    """%T of decoded JSON, and of `Int`."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int):
        return "int" if isinstance(value, Int) else "int64"
    if isinstance(value, float):
        return "float64"
    return "map[string]interface {}" if isinstance(value, dict) else "[]interface {}"


_SIMPLE_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


def unquote(text: str, quote: str) -> str:
    """Go's string escapes, in either kind of quotes. Raises ValueError."""
    if "\\" not in text:
        return text
    out, i = bytearray(), 0
    while i < len(text):
        char = text[i]
        i += 1
        if char != "\\":
            out += char.encode()
            continue
        kind = text[i : i + 1]
        i += 1
        if kind in _SIMPLE_ESCAPES and kind:
            out += _SIMPLE_ESCAPES[kind].encode()
        elif kind == quote:
            out += kind.encode()
        elif kind in ("x", "u", "U"):
            size = {"x": 2, "u": 4, "U": 8}[kind]
            code = int(text[i : i + size].rjust(1, "-"), 16)
            out += bytes([code]) if kind == "x" else chr(code).encode()
            i += size
        elif kind and kind in "01234567":
            out.append(int(text[i - 1 : i + 2], 8))
            i += 2
        else:
            raise ValueError(text)
    return out.decode("utf-8", "replace")


def unicode(char: str) -> str:
    """%#U: `U+0026 '&'`."""
    shown = f" '{char}'" if char.isprintable() else ""
    return f"U+{ord(char):04X}{shown}"
