"""YAML as kubectl prints it: go-yaml v2 below sigs.k8s.io/yaml, for plain JSON data.

Guarantee: byte for byte what `kubectl … -o yaml` writes for the same data (recorded in tests/kubectl/data), and
what go-yaml reads back as the same data; so does every YAML 1.1 parser, but for texts such as `=` and `.5_`. One exception:
U+0085 is escaped, which kubectl loses. The rules are libyaml's emitter: a scalar is plain when nothing in it could be mistaken, else single-quoted, else double-quoted; texts of several lines are literal blocks; lines longer
than 80 columns are folded at blanks; keys are sorted with numbers by value (`a2` before `a10`).
"""

from __future__ import annotations

import re
from functools import cmp_to_key, lru_cache
from typing import Any

WIDTH = 80
_LONGEST_SIMPLE_KEY = 128

_WORDS = frozenset(
    """
    y Y yes Yes YES on On ON true True TRUE n N no No NO off Off OFF false False FALSE ~ null Null NULL
    .nan .NaN .NAN .inf .Inf .INF +.inf +.Inf +.INF -.inf -.Inf -.INF
    """.split()  # noqa: SIM905
)
"""Booleans, nulls and numbers in words."""
_SURELY_PLAIN = re.compile(r"[A-Za-z_/](?:[A-Za-z0-9_./@=+%$();~-]|:(?=[^\s:])| (?=[A-Za-z0-9(]))*").fullmatch
"""Most strings: nothing in them needs a closer look, unless they are a word with a meaning or longer than a line."""
_SPECIAL = re.compile("[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
"""What libyaml (without 4-byte characters) counts as unprintable."""
_INDICATOR = re.compile(r"""[#,\[\]{}&*!|>'"%@`]|[?:-](?:[ \t]|$)|---|\.\.\.""")
_INNER_INDICATOR = re.compile(r":(?:[ \t]|$)|[ \t\n\r\x85\u2028\u2029]#")
_BREAKS = "\n\r\x85\u2028\u2029"
_LINES = re.compile("[^\n\u2028\u2029]*[\n\u2028\u2029]|[^\n\u2028\u2029]+")
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9][0-9]*|0)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:(?:[Tt]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2}))"
    r"|(?: ([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?))?"
)
_ESCAPES = {
    "\0": "\\0",
    "\a": "\\a",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\v": "\\v",
    "\f": "\\f",
    "\r": "\\r",
    "\x1b": "\\e",
    '"': '\\"',
    "\\": "\\\\",
    "\x85": "\\N",
    "\u2028": "\\L",
    "\u2029": "\\P",
}


def dumps(value: Any) -> str:
    """`value` as one YAML document, with a newline at its end."""
    out: list[str] = []
    if isinstance(value, dict) and value:
        _mapping(value, 0, "", out)
    elif isinstance(value, list) and value:
        _sequence(value, 0, "", out)
    else:
        out.append(_line(_leaf(value, 2, 0)))
    return "".join(out)


def _mapping(value: dict[str, Any], indent: int, first: str, out: list[str]) -> None:
    """`first` is what already stands on the first line (`- `); it is `indent` wide."""
    pad = " " * indent
    head = first or pad
    for key in sorted_keys(value):
        item = value[key]
        text = _key(key)
        if text is None:
            _complex_key(key, item, indent, head, out)
            head = pad
            continue
        if isinstance(item, str):
            if _SURELY_PLAIN(item) and indent + len(text) + len(item) < WIDTH - 2 and item not in _WORDS:
                out.append(f"{head}{text}: {item}\n")
            else:
                out.append(_line(f"{head}{text}: {scalar(item, indent + 2, indent + len(text) + 2)}"))
        elif isinstance(item, dict) and item:
            out.append(f"{head}{text}:\n")
            _mapping(item, indent + 2, "", out)
        elif isinstance(item, list) and item:
            out.append(f"{head}{text}:\n")
            _sequence(item, indent, "", out)
        else:
            out.append(f"{head}{text}: {_leaf(item, indent + 2, 0)}\n")
        head = pad


def _complex_key(key: str, item: Any, indent: int, head: str, out: list[str]) -> None:
    """A key that is long or has several lines: `? key` and `: value` on lines of their own."""
    pad = " " * indent
    out.append(_line(f"{head}? {scalar(key, indent + 2, indent + 2)}"))
    if isinstance(item, dict) and item:
        _mapping(item, indent + 2, f"{pad}: ", out)
    elif isinstance(item, list) and item:
        _sequence(item, indent + 2, f"{pad}: ", out)
    else:
        out.append(_line(f"{pad}: {_leaf(item, indent + 2, indent + 2)}"))


def _sequence(value: list[Any], indent: int, first: str, out: list[str]) -> None:
    pad = " " * indent
    head = first or pad
    for item in value:
        if isinstance(item, dict) and item:
            _mapping(item, indent + 2, f"{head}- ", out)
        elif isinstance(item, list) and item:
            _sequence(item, indent + 2, f"{head}- ", out)
        else:
            out.append(_line(f"{head}- {_leaf(item, indent + 2, indent + 2)}"))
        head = pad


def _line(text: str) -> str:
    """With a line end, unless the text has one: a block scalar's last line, or a separator of lines."""
    return text if text[-1] in _BREAKS else text + "\n"


def _leaf(value: Any, indent: int, column: int) -> str:
    if isinstance(value, str):
        return scalar(value, indent, column)
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, float):
        return go_float(value)
    if isinstance(value, dict):
        return "{}"
    return "[]" if isinstance(value, list | tuple) else str(value)


def go_float(value: float) -> str:
    """What a float becomes on its way through Go's JSON and back: an integer where 64 bits hold it, else `%g`."""
    from decimal import Decimal

    sign, figures, power = Decimal(repr(value)).normalize().as_tuple()
    digits, shift = "".join(map(str, figures)), int(power)
    minus = "-" if sign and value else ""
    if shift >= 0 and (whole := int(digits + "0" * shift)) < 2**64:
        return f"{minus}{whole}"
    exponent = shift + len(digits) - 1
    if -4 <= exponent < 6:
        return format(Decimal(repr(value)), "f")
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{minus}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


# ---------------------------------------------------------------------- scalars


@lru_cache(maxsize=4096)
def _key(key: str) -> str | None:
    """A key as it stands before its colon, None when it needs the long form."""
    if _SURELY_PLAIN(key) and len(key) <= _LONGEST_SIMPLE_KEY and key not in _WORDS:
        return key
    if len(key.encode("utf-8", "surrogatepass")) > _LONGEST_SIMPLE_KEY or any(c in key for c in _BREAKS):
        return None
    return scalar(key, 0, 0, simple_key=True)


def scalar(text: str, indent: int, column: int, *, simple_key: bool = False) -> str:
    """A string in the style that it needs. `column` is where it starts, `indent` where its further lines start."""
    if _SURELY_PLAIN(text) and text not in _WORDS:
        return text if simple_key or column + len(text) <= WIDTH else _folded(text, indent, column)
    special = _SPECIAL.search(text) is not None
    broken = any(c in text for c in _BREAKS)
    space_break = broken and re.search(f" [{_BREAKS}]", text) is not None
    if special or space_break or not text:
        return _double_quoted(text, indent, column, simple_key)
    if "\n" in text:
        if text[-1] == " " or simple_key:
            return _double_quoted(text, indent, column, simple_key)
        return _literal(text, indent)
    if not _resolves_to_string(text):
        return _double_quoted(text, indent, column, simple_key)
    if broken and re.search(f"[{_BREAKS}] ", text):
        return _double_quoted(text, indent, column, simple_key)
    if broken or text[0] == " " or text[-1] == " " or _INDICATOR.match(text) or _INNER_INDICATOR.search(text):
        return _single_quoted(text, indent, column, simple_key)
    return text if simple_key or column + len(text) <= WIDTH else _folded(text, indent, column)


def _resolves_to_string(text: str) -> bool:
    """Whether a YAML 1.1 parser would read the unquoted text as a string."""
    if text in _WORDS:
        return False
    first = text[0]
    if first not in "+-.0123456789":
        return True
    if first == ".":
        return not _FLOAT.fullmatch(text)
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        return not _fits_number(digits)
    if _FLOAT.fullmatch(digits):
        return float(digits) in (float("inf"), float("-inf"))
    return not (_BASE_60.fullmatch(text) or is_time(text))


def _fits_number(digits: str) -> bool:
    """Integers too large for 64 bits are floats still, unless they have a prefix."""
    return len(digits) < 18 or not digits.lstrip("+-")[1:2].isalpha() or _in_64_bits(digits)


def _in_64_bits(digits: str) -> bool:
    value = int(digits.lower(), 0)
    return -(2**63) <= value < 2**64


def is_time(text: str) -> bool:
    found = _TIME.fullmatch(text)
    if not found:
        return False
    from datetime import datetime

    numbers = [int(n) for n in found.groups() if n is not None]
    try:
        datetime(max(numbers[0], 1), *numbers[1:])  # type: ignore[arg-type]
    except ValueError:
        return False
    return True


def _folded(text: str, indent: int, column: int) -> str:
    """A plain scalar: a single blank beyond the 80th column becomes a line end."""
    return _fold(text, indent, column, first=0, last=len(text))


def _fold(text: str, indent: int, column: int, *, first: int, last: int) -> str:
    out: list[str] = []
    pad = "\n" + " " * indent
    blank_before = False
    for i, char in enumerate(text):
        if char == " ":
            if not blank_before and column > WIDTH and first <= i < last and text[i + 1 : i + 2] != " ":
                out.append(pad)
                column = indent
            else:
                out.append(char)
                column += 1
            blank_before = True
        elif char in _BREAKS:
            out.append(char + " " * indent if i + 1 < len(text) else char)
            column = indent
        else:
            out.append(char)
            column += 2 if char == "'" and first else 1
            blank_before = False
    return "".join(out)


def _single_quoted(text: str, indent: int, column: int, simple_key: bool) -> str:
    if simple_key:
        return "'" + text.replace("'", "''") + "'"
    return "'" + _fold(text, indent, column + 1, first=1, last=len(text) - 1).replace("'", "''") + "'"


def _double_quoted(text: str, indent: int, column: int, simple_key: bool) -> str:
    out: list[str] = []
    column += 1
    blank_before = False
    for i, char in enumerate(text):
        if char == " ":
            if not simple_key and not blank_before and column > WIDTH and 0 < i < len(text) - 1:
                follows = "\\" if text[i + 1] == " " else ""
                out.append("\n" + " " * indent + follows)
                column = indent + len(follows)
            else:
                out.append(char)
                column += 1
            blank_before = True
            continue
        shown = _ESCAPES.get(char) or (_escaped(char) if _SPECIAL.match(char) else char)
        out.append(shown)
        column += len(shown)
        blank_before = False
    return '"' + "".join(out) + '"'


def _escaped(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def _literal(text: str, indent: int) -> str:
    """A block scalar: `|`, with `-` when no line end follows, `+` when several do, `2` when it starts with a blank."""
    hint = "2" if text[0] in " " + _BREAKS else ""
    if text[-1] not in _BREAKS:
        chomp = "-"
    else:
        chomp = "+" if len(text) == 1 or text[-2] in _BREAKS else ""
    pad = " " * indent
    lines = [pad + line if line[0] not in _BREAKS else line for line in _LINES.findall(text)]
    return f"|{hint}{chomp}\n" + "".join(lines)


# ---------------------------------------------------------------------- keys


def sorted_keys(value: dict[str, Any]) -> list[str]:
    """Letters after everything else, runs of digits by their value.

    The rule contradicts itself where digits with leading zeros meet letters (`a1b` < `a01` < `a10` < `a1b`); such keys
    may stand otherwise than in kubectl.
    """
    return _order(tuple(value))


@lru_cache(maxsize=4096)
def _order(keys: tuple[str, ...]) -> list[str]:
    """Objects of one kind mostly have the same keys, so that few orders have to be found."""
    if all(map(str.isalpha, keys)):
        return sorted(keys)
    return sorted(keys, key=cmp_to_key(_compare))


def _compare(a: str, b: str) -> int:
    for i in range(min(len(a), len(b))):
        if a[i] == b[i]:
            continue
        a_letter, b_letter = a[i].isalpha(), b[i].isalpha()
        if a_letter and b_letter:
            return -1 if a[i] < b[i] else 1
        if a_letter or b_letter:
            return -1 if b_letter else 1
        return _compare_numbers(a, b, i)
    return len(a) - len(b)


def _compare_numbers(a: str, b: str, i: int) -> int:
    """From the first difference on; a zero inside a number counts as a digit of it."""
    start = 0
    if "0" in (a[i], b[i]):
        j = i - 1
        while j >= 0 and a[j].isdecimal():
            if a[j] != "0":
                start = 1
                break
            j -= 1
    a_end, a_number = _digits(a, i, start)
    b_end, b_number = _digits(b, i, start)
    if a_number != b_number:
        return -1 if a_number < b_number else 1
    if a_end != b_end:
        return a_end - b_end
    return -1 if a[i] < b[i] else 1


def _digits(text: str, i: int, number: int) -> tuple[int, int]:
    while i < len(text) and text[i].isdecimal():
        number = number * 10 + ord(text[i]) - ord("0")
        i += 1
    return i, number
