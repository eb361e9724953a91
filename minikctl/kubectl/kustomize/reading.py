"""YAML as kustomize reads it: YAML 1.2's booleans (`on` is a text), Go's integers, dates.

Differs from `yaml_in`, which reads as Kubernetes' other tools do.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import yaml

from minikctl.kubectl.yaml_in import PLAIN, TAG_PREFIX, compose, marked_problem, reader_problem

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE = frozenset(("true", "True", "TRUE"))
_FALSE = frozenset(("false", "False", "FALSE"))
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9][0-9]*|0)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?")
_SEPARATOR = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.M)


class ReadError(ValueError):
    """The text is no YAML; the message is go-yaml's."""


def documents(text: str) -> list[Any]:
    """All documents of a text that hold something. Raises ReadError."""
    parts = [p.split("\n...\n")[0] for p in _SEPARATOR.split(text.replace("\r\n", "\n"))]
    found = [one(part) for part in parts if part.strip()]
    return [d for d in found if d is not None]


def one(text: str) -> Any:
    """The first document as JSON data; None for an empty one. Raises ReadError."""
    try:
        node = compose(text)
    except yaml.MarkedYAMLError as e:
        raise ReadError(marked_problem(e, text)) from None
    except yaml.YAMLError as e:
        raise ReadError(f"yaml: {reader_problem(e)}") from None
    return None if node is None else _value(node)


def _value(node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return [_value(n) for n in node.value]
    merged: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for key, item in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value == "<<" and key.tag in (PLAIN, TAG_PREFIX + "merge"):
            sources = item.value if isinstance(item, yaml.SequenceNode) else [item]
            for source in reversed(sources):
                merged.update(_value(source))
        else:
            own[_key(key)] = _value(item)
    return {**merged, **own}


def _key(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else str(_value(node))


def _scalar(node: yaml.ScalarNode) -> Any:
    if node.tag == PLAIN:
        return plain(node.value)
    kind = node.tag.removeprefix(TAG_PREFIX)
    return plain(node.value) if kind in ("int", "float", "bool", "null") else node.value


def plain(text: str) -> Any:
    """What an unquoted scalar means."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if text[0] not in "+-.0123456789":
        return text
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        return _integer(digits)
    if _FLOAT.fullmatch(digits):
        value = float(digits)
        if value in (float("inf"), float("-inf")):
            return text
        return int(value) if value.is_integer() and abs(value) < 1e21 else value
    if _DATE.fullmatch(text):
        return _time(text)
    return text


def _integer(digits: str) -> int | float:
    sign, body = (-1 if digits[0] == "-" else 1), digits.lstrip("+-")
    base = 10
    if len(body) > 1 and body[0] == "0":
        base = {"x": 16, "b": 2}.get(body[1].lower(), 8)
        body = body[2:] if body[1].lower() in "xbo" else body
    value = sign * int(body, base)
    return value if -(2**63) <= value < 2**64 else float(value)


def _time(text: str) -> Any:
    """A date becomes the time that Go writes for it."""
    try:
        moment = datetime.fromisoformat(text.replace(" ", "T", 1))
    except ValueError:
        return text
    zone = moment.strftime("%z")
    shown = f"{zone[:3]}:{zone[3:]}" if zone and zone != "+0000" else "Z"
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}{shown}"
