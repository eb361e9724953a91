"""The functions that templates can call: Go's own and kubectl's `base64decode` and `exists`.

A function gets its arguments as data; `MISSING` stands for a value that is not there at all (an absent key).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from minikctl.kubectl.gotemplate.printf import sprintf
from minikctl.util import go_format
from minikctl.util.go_format import Int
from minikctl.util.go_format import type_name as go_type


class _Missing:
    def __repr__(self) -> str:
        return "<no value>"

    def __bool__(self) -> bool:
        return False


MISSING: Any = _Missing()
NO_VALUE = "<no value>"


class CallError(Exception):
    """A function refuses its arguments."""


@dataclass(frozen=True)
class Function:
    """parameters: `value` takes anything, `any` anything that is there, `string` strings; `rest` is the variadic one."""

    call: Callable[..., Any]
    parameters: tuple[str, ...] = ()
    rest: str = ""


def truth(value: Any) -> bool:
    """Empty and zero values are false."""
    if value is MISSING or value is None:
        return False
    return bool(value)


# ---------------------------------------------------------------------- printing


def printable(value: Any) -> Any:
    return NO_VALUE if value is MISSING else value


def sprint(*args: Any) -> str:
    """fmt.Sprint: blanks between neighbours that are both no strings."""
    out = ""
    for i, arg in enumerate(args):
        if i and not isinstance(arg, str) and not isinstance(args[i - 1], str):
            out += " "
        out += go_format.sprint(arg)
    return out


def sprintln(*args: Any) -> str:
    return " ".join(go_format.sprint(a) for a in args) + "\n"


def _printf(form: str, *args: Any) -> str:
    return sprintf(form, args)


def _text(args: tuple[Any, ...]) -> str:
    if len(args) == 1 and isinstance(args[0], str):
        return args[0]
    return sprint(*[NO_VALUE if a is None else a for a in args])


_HTML = {'"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": "\ufffd"}
_JS = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}


def _html(*args: Any) -> str:
    return "".join(_HTML.get(c, c) for c in _text(args))


def _js(*args: Any) -> str:
    def escaped(char: str) -> str:
        if char in _JS:
            return _JS[char]
        return char if char.isprintable() else f"\\u{ord(char):04X}"

    return "".join(map(escaped, _text(args)))


def _urlquery(*args: Any) -> str:
    return quote_plus(_text(args), safe="~")


# ---------------------------------------------------------------------- comparing


def _basic(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float"
    return "string" if isinstance(value, str) else ""


def _absent(value: Any) -> bool:
    return value is MISSING or value is None


def _eq(first: Any, *others: Any) -> bool:
    if not others:
        raise CallError("missing argument for comparison")
    for other in others:
        kind, other_kind = _basic(first), _basic(other)
        if kind != other_kind:
            if not _absent(first) and not _absent(other):
                raise CallError(f"incompatible types for comparison: {go_type(first)} and {go_type(other)}")
            continue
        if kind:
            if first == other:
                return True
            continue
        if _absent(first) or _absent(other):
            if _absent(first) and _absent(other):
                return True
            continue
        shown, against = sprintf("%s", [first]), go_format.sprint(other)
        raise CallError(
            f"non-comparable types {shown}: {go_type(first)}, {go_type(other)}: {against}"
            if go_type(first) != go_type(other)
            else f"non-comparable type {shown}: {go_type(first)}"
        )
    return False


def _ne(first: Any, other: Any) -> bool:
    return not _eq(first, other)


def _lt(first: Any, other: Any) -> bool:
    kind, other_kind = _basic(first), _basic(other)
    if not kind or not other_kind:
        raise CallError("invalid type for comparison")
    if kind != other_kind:
        raise CallError(f"incompatible types for comparison: {go_type(first)} and {go_type(other)}")
    if kind == "bool":
        raise CallError("invalid type for comparison")
    return bool(first < other)


def _le(first: Any, other: Any) -> bool:
    return _lt(first, other) or _eq(first, other)


def _gt(first: Any, other: Any) -> bool:
    return not _le(first, other)


def _ge(first: Any, other: Any) -> bool:
    return not _lt(first, other)


# ---------------------------------------------------------------------- looking in


def _position(index: Any, limit: int, inclusive: bool) -> int:
    if _absent(index):
        raise CallError("cannot index slice/array with nil")
    if _basic(index) != "int":
        raise CallError(f"cannot index slice/array with type {go_type(index)}")
    if index < 0 or index > limit:
        raise CallError(f"index out of range: {index}")
    if index == limit and not inclusive:
        raise CallError("reflect: slice index out of range")
    return int(index)


def _index(item: Any, *indexes: Any) -> Any:
    if _absent(item):
        raise CallError("index of untyped nil")
    for index in indexes:
        if item is None:
            raise CallError("index of nil pointer")
        if isinstance(item, list):
            item = item[_position(index, len(item), False)]
        elif isinstance(item, str):
            data = item.encode()
            if _basic(index) == "int" and index == len(data):
                raise CallError("reflect: string index out of range")
            item = data[_position(index, len(data), False)]
        elif isinstance(item, dict):
            if _absent(index):
                raise CallError("value is nil; should be of type string")
            if not isinstance(index, str):
                raise CallError(f"value has type {go_type(index)}; should be string")
            item = item.get(index)
        else:
            raise CallError(f"can't index item of type {go_type(item)}")
    return item


def _slice(item: Any, *indexes: Any) -> Any:
    if _absent(item):
        raise CallError("slice of untyped nil")
    if len(indexes) > 3:
        raise CallError(f"too many slice indexes: {len(indexes)}")
    if isinstance(item, str):
        if len(indexes) == 3:
            raise CallError("cannot 3-index slice a string")
        data: Any = item.encode()
    elif isinstance(item, list):
        data = item
    else:
        raise CallError(f"can't slice item of type {go_type(item)}")
    bounds = [0, len(data)]
    for i, index in enumerate(indexes):
        position = _position(index, len(data), True)
        if i < 2:
            bounds[i] = position
        elif bounds[1] > position:
            raise CallError(f"invalid slice index: {bounds[1]} > {position}")
    if bounds[0] > bounds[1]:
        raise CallError(f"invalid slice index: {bounds[0]} > {bounds[1]}")
    part = data[bounds[0] : bounds[1]]
    return part.decode("utf-8", "replace") if isinstance(item, str) else part


def _len(item: Any) -> int:
    if item is MISSING:
        raise CallError("reflect: call of reflect.Value.Type on zero Value")
    if item is None:
        raise CallError("len of nil pointer")
    if isinstance(item, str):
        return Int(len(item.encode()))
    if isinstance(item, list | dict):
        return Int(len(item))
    raise CallError(f"len of type {go_type(item)}")


def _exists(item: Any, *indexes: Any) -> bool:
    """kubectl's: whether something other than null stands there; without indexes always true, as there."""
    if not indexes:
        return True
    for index in indexes:
        if _absent(item):
            return False
        if isinstance(item, dict):
            if index is not None and not isinstance(index, str):
                return False
            item = item.get(index)
        elif isinstance(item, list | str):
            if _basic(index) != "int" or not 0 <= index < len(item):
                return False
            item = item[index]
        else:
            return False
    return not _absent(item)


_BASE64 = re.compile(r"[A-Za-z0-9+/]")


def _base64decode(text: str) -> str:
    plain = text.replace("\n", "").replace("\r", "")
    try:
        return base64.b64decode(plain, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        position = next((i for i, c in enumerate(text) if not _BASE64.match(c) and c not in "\r\n"), len(text))
        raise CallError(f"base64 decode failed: illegal base64 data at input byte {position}") from None


FUNCTIONS: dict[str, Function] = {
    "and": Function(lambda *a: a, ("value",), "value"),
    "or": Function(lambda *a: a, ("value",), "value"),
    "not": Function(lambda v: not truth(v), ("value",)),
    "call": Function(lambda *a: a, ("value",), "value"),
    "html": Function(_html, (), "any"),
    "index": Function(_index, ("value",), "value"),
    "js": Function(_js, (), "any"),
    "len": Function(_len, ("value",)),
    "print": Function(sprint, (), "any"),
    "printf": Function(_printf, ("string",), "any"),
    "println": Function(sprintln, (), "any"),
    "slice": Function(_slice, ("value",), "value"),
    "urlquery": Function(_urlquery, (), "any"),
    "eq": Function(_eq, ("value",), "value"),
    "ne": Function(_ne, ("value", "value")),
    "lt": Function(_lt, ("value", "value")),
    "le": Function(_le, ("value", "value")),
    "gt": Function(_gt, ("value", "value")),
    "ge": Function(_ge, ("value", "value")),
    "base64decode": Function(_base64decode, ("string",)),
    "exists": Function(_exists, ("any",), "any"),
}
