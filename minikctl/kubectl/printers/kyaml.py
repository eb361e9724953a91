"""`-o kyaml`: the strict dialect of YAML of KEP-5295, between YAML and JSON.

Braces and brackets show structure, strings are always quoted, keys only where YAML could mistake them, and texts of
several lines are folded so that they read as lines. Lists of objects cuddle: `[{ … }, { … }]`. Otherwise than kubectl
1.36, a line that starts with white space other than blanks and tabs keeps its meaning.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from minikctl.kubectl.printers.json_out import go_float

_STEP = "  "
_BARE = re.compile(r"[^\W]|[^\W](?:[\w./-])*[^\W]", re.UNICODE)
_WORDS = frozenset(
    ("null", "~", "true", "y", "yes", "on", "false", "n", "no", "off", "t", "f", ".inf", "-.inf", "+.inf", ".nan")
)
_NUMBER = re.compile(
    r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[0-9]+\.?[0-9]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?"
    r"|0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][-+]?[0-9]+)|[-+]?inf(?:inity)?|nan",
    re.IGNORECASE,
)
_SEXAGESIMAL = re.compile(r"[+-]?[1-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\r": "\\r",
    "\n": "\\n",
    "\v": "\\v",
    "\0": "\\0",
    "\x1b": "\\e",
    "\x85": "\\N",
    "\xa0": "\\_",
    "\u2028": "\\L",
    "\u2029": "\\P",
}


def dumps(value: Any) -> str:
    """`value` as one document, with its `---`."""
    return f"---\n{_render(in_key_order(value), '')}\n"


def _render(value: Any, pad: str) -> str:
    if isinstance(value, str):
        return quoted(value, pad)
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, float):
        return go_float(value)
    if isinstance(value, dict):
        return _mapping(value, pad)
    return _sequence(value, pad) if isinstance(value, list | tuple) else str(value)


def in_key_order(value: Any) -> Any:
    """A copy with the keys of all objects sorted, as Go writes maps; structs (`Typed`) stay as they are."""
    if isinstance(value, list):
        return [in_key_order(v) for v in value]
    if type(value) is dict:
        return {k: in_key_order(v) for k, v in sorted(value.items())}
    return value


def _mapping(value: dict[str, Any], pad: str) -> str:
    if not value:
        return "{}"
    inner = pad + _STEP
    lines = [f"{inner}{_key(k)}: {_render(v, inner)},\n" for k, v in value.items()]
    return "{\n" + "".join(lines) + pad + "}"


def _sequence(value: list[Any] | tuple[Any, ...], pad: str) -> str:
    if not value:
        return "[]"
    if all(isinstance(v, dict | list) for v in value):
        return "[" + ", ".join(_render(v, pad) for v in value) + "]"
    inner = pad + _STEP
    return "[\n" + "".join(f"{inner}{_render(v, inner)},\n" for v in value) + pad + "]"


@lru_cache(maxsize=4096)
def _key(key: str) -> str:
    return quoted(key, "", compact=True) if _needs_quotes(key) else key


def _needs_quotes(text: str) -> bool:
    return not _BARE.fullmatch(text) or _mistakable(text)


def _mistakable(text: str) -> bool:
    """Whether some YAML parser could read the bare word as something else than a string."""
    lower = text.lower()
    if lower in _WORDS:
        return True
    digits = text.replace("_", "")
    if _NUMBER.fullmatch(digits):
        return _is_number(digits)
    if _SEXAGESIMAL.fullmatch(text):
        return True
    from minikctl.kubectl.printers.yaml_out import is_time

    return is_time(text)


def _is_number(digits: str) -> bool:
    try:
        return float(digits) not in (float("inf"), float("-inf")) or "inf" in digits.lower()
    except ValueError:
        return True


def quoted(text: str, pad: str, *, compact: bool = False) -> str:
    """In double quotes; with several lines on lines of their own, unless `compact` (keys; tabs are escaped there)."""
    if compact or "\n" not in text:
        return '"' + "".join(_escaped(c, compact) for c in text) + '"'
    inner = pad + _STEP
    out = ['"\\\n']
    for line in _LINES.findall(text):
        body, end = (line[:-1], "\\n\\\n") if line.endswith("\n") else (line, "\\\n")
        lead = "\\" if body[:1] in (" ", "\t") else " "  # other white space is written as an escape already
        out.append(inner + lead + "".join([_escaped(c, False) for c in body]) + end)
    return "".join(out) + inner + '"'


_LINES = re.compile(r"[^\n]*\n|[^\n]+")


def _escaped(char: str, compact: bool) -> str:
    if char == "\t":
        return "\\t" if compact else char
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
