"""YAML into JSON data, as Kubernetes' tools read it.

The scalars are those of go-yaml v2 below sigs.k8s.io/yaml: YAML 1.1 booleans (`y`, `on`, `No`), Go's integer notations,
timestamps left as strings, no sexagesimal numbers. Keys become strings. Of two equal keys the last wins.
libyaml does the parsing, so syntax errors carry the very words that kubectl shows.
"""

from __future__ import annotations

import base64
import re
from typing import Any

import yaml

_PLAIN = "!plain"
_TAG = "tag:yaml.org,2002:"
_MAX_NODES = 4_000_000
"""More values than this in one document, counting what aliases stand for, are an attack ("billion laughs")."""

_TRUE = frozenset(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"))
_FALSE = frozenset(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"))
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_SPECIAL = {
    **dict.fromkeys((".nan", ".NaN", ".NAN"), ".NaN"),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), "+Inf"),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), "-Inf"),
}
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9][0-9]*|0)")
_FLOAT = re.compile(r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+\.(?:[eE][-+]?[0-9]+)?")


class YAMLError(ValueError):
    """The text is no YAML; the message is go-yaml's (`yaml: line 4: did not find expected key`)."""


class _Loader(yaml.CSafeLoader):
    """Plain scalars carry a tag of their own, so that `5` and `!!str 5` can be told apart."""

    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {
        None: [(_PLAIN, re.compile("", re.S))]
    }


def loads(text: str) -> Any:
    """The first document of `text` as JSON data; None for an empty one. Raises YAMLError."""
    try:
        loader = _Loader(text)
    except yaml.YAMLError as e:
        raise YAMLError(f"yaml: {_reader_problem(e)}") from None
    try:
        loader.check_node()
        node = loader.get_node()
    except yaml.MarkedYAMLError as e:
        raise YAMLError(_marked_problem(e, text)) from None
    except yaml.YAMLError as e:
        raise YAMLError(f"yaml: {_reader_problem(e)}") from None
    finally:
        loader.dispose()
    return None if node is None else _Converter().value(node)


def _reader_problem(error: Exception) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        return "control characters are not allowed" if "special characters" in str(error.reason) else str(error.reason)
    return str(error)


def _marked_problem(error: yaml.MarkedYAMLError, text: str) -> str:
    """go-yaml's line: scanner errors count from one, parser errors from zero, and the mark of the context comes second."""
    problem, line = error.problem or "", 0
    if error.problem_mark is not None and error.problem_mark.line:
        line = error.problem_mark.line + isinstance(error, yaml.scanner.ScannerError)
    elif error.context_mark is not None:
        line = error.context_mark.line
    if isinstance(error, yaml.composer.ComposerError) and error.problem_mark is not None:
        name = re.match(r"\*?([\w-]*)", text[error.problem_mark.index :])
        return f"yaml: unknown anchor '{name[1] if name else ''}' referenced"
    return f"yaml: line {line}: {problem}" if line else f"yaml: {problem}"


class _Converter:
    """Nodes to data. Aliased nodes are converted once and shared."""

    def __init__(self) -> None:
        self._done: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()
        self._count = 0

    def value(self, node: yaml.Node) -> Any:
        if type(node) is yaml.ScalarNode:
            self._count += 1
            return _scalar(node)
        key = id(node)
        if key in self._done:
            value, size = self._done[key]
            self._grow(size)
            return value
        if key in self._open:
            raise YAMLError(f"yaml: anchor '{node.anchor or ''}' value contains itself")
        self._open.add(key)
        before = self._count
        value = self._sequence(node) if isinstance(node, yaml.SequenceNode) else self._mapping(node)
        self._grow(1)
        self._open.discard(key)
        self._done[key] = (value, self._count - before)
        return value

    def _grow(self, size: int) -> None:
        self._count += size
        if self._count > _MAX_NODES:
            raise YAMLError("yaml: document contains excessive aliasing")

    def _sequence(self, node: yaml.SequenceNode) -> list[Any]:
        return [self.value(n) for n in node.value]

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if _is_merge(key_node):
                merged = self._merge(value_node) | merged
            else:
                own[self._key(key_node)] = self.value(value_node)
        return {**merged, **own} if merged else own

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise YAMLError("yaml: invalid map key: " + _go_map(self.value(node)))
        self._count += 1
        key = _scalar(node)
        if isinstance(key, str):
            return key
        if key is True or key is False:
            return "true" if key else "false"
        if isinstance(key, int):
            return str(key)
        if isinstance(key, float):
            return _float_key(key)
        raise YAMLError(f"unsupported map key of type: nil, key: <nil>, value: {node.value!r}")

    def _merge(self, node: yaml.Node) -> dict[str, Any]:
        """`<<: *base` or `<<: [*a, *b]`: the first that has a key wins."""
        if isinstance(node, yaml.MappingNode):
            return dict(self._mapping(node))
        if isinstance(node, yaml.SequenceNode) and all(isinstance(n, yaml.MappingNode) for n in node.value):
            found: dict[str, Any] = {}
            for part in reversed(node.value):
                found |= self._mapping(part)
            return found
        raise YAMLError("yaml: map merge requires map or sequence of maps as the value")


def _is_merge(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value == "<<" and node.tag in (_PLAIN, _TAG + "merge")


def _scalar(node: yaml.ScalarNode) -> Any:
    tag, text = node.tag, node.value
    if tag == _PLAIN:
        return plain(text)
    if tag in (_TAG + "binary",):
        try:
            return base64.b64decode(text, validate=False).decode("utf-8", "replace")
        except ValueError:
            raise YAMLError("yaml: !!binary value contains invalid base64 data") from None
    if tag.startswith(_TAG) and tag[len(_TAG) :] in ("int", "float", "bool", "null"):
        return plain(text)
    return text


def plain(text: str) -> Any:
    """What an unquoted scalar means."""
    if text in _NULL:
        return None
    first = text[0]
    if first in "yYnNtTfFoO":
        if text in _TRUE:
            return True
        return False if text in _FALSE else text
    if first not in "+-.0123456789":
        return text
    if text in _SPECIAL:
        raise YAMLError(f"json: unsupported value: {_SPECIAL[text]}")
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        return _integer(digits)
    return _number(float(digits)) if _FLOAT.fullmatch(digits) else text


def _integer(text: str) -> int | float:
    sign, body = (-1 if text[0] == "-" else 1), text.lstrip("+-")
    if len(body) > 1 and body[0] == "0":
        prefix = body[1].lower()
        value = int(body[2:], {"x": 16, "b": 2, "o": 8}[prefix]) if prefix in "xbo" else int(body, 8)
    else:
        value = int(body)
    value *= sign
    return value if -(2**63) <= value < 2**64 else _number(float(value))


def _number(value: float) -> int | float:
    """Go writes a float without a fraction as an integer, and so reads it back as one."""
    if value in (float("inf"), float("-inf")):
        raise YAMLError(f"json: unsupported value: {'+' if value > 0 else '-'}Inf")
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def _float_key(value: float) -> str:
    text = f"{value:.17g}" if float(f"{value:g}") != value else f"{value:g}"
    return repr(value) if float(repr(value)) == value else text


def _go_map(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f'"{k}":{_go_map(v)}' for k, v in sorted(value.items()))
        return f"map[interface {{}}]interface {{}}{{{inner}}}"
    if isinstance(value, list):
        return "[]interface {}{" + ", ".join(map(_go_map, value)) + "}"
    return f'"{value}"' if isinstance(value, str) else str(value)
