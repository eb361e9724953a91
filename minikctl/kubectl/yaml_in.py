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

from minikctl.util import go_format

PLAIN = "!plain"
TAG_PREFIX = "tag:yaml.org,2002:"
_MAX_NODES = 4_000_000
"""More values than this in one document, counting what aliases stand for, are an attack ("billion laughs")."""

_TRUE = frozenset(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"))
_FALSE = frozenset(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"))
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_SPECIAL = {
    **dict.fromkeys((".nan", ".NaN", ".NAN"), "NaN"),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), "+Inf"),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), "-Inf"),
}
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9][0-9]*|0)")
_LOOSE_UNDERSCORE = re.compile("(?<![0-9])_|_(?![0-9])")
_FLOAT = re.compile(r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+\.(?:[eE][-+]?[0-9]+)?")


class YAMLError(ValueError):
    """The text is no YAML; the message is go-yaml's (`yaml: line 4: did not find expected key`)."""


class _Loader(yaml.CSafeLoader):
    """Plain scalars carry a tag of their own, so that `5` and `!!str 5` can be told apart."""

    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {
        None: [(PLAIN, re.compile("", re.S))]
    }


def compose(text: str) -> yaml.Node | None:
    """The nodes of the first document; unquoted scalars carry the tag PLAIN. Raises yaml.YAMLError."""
    loader = _Loader(text)
    try:
        return loader.get_node() if loader.check_node() else None
    finally:
        loader.dispose()


def loads(text: str) -> Any:
    """The first document of `text` as JSON data; None for an empty one. Raises YAMLError."""
    try:
        node = compose(text)
    except yaml.MarkedYAMLError as e:
        raise YAMLError(marked_problem(e, text)) from None
    except yaml.YAMLError as e:
        raise YAMLError(f"yaml: {reader_problem(e)}") from None
    return None if node is None else _Converter(text).value(node)


def reader_problem(error: Exception) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        return "control characters are not allowed" if "special characters" in str(error.reason) else str(error.reason)
    return str(error)


def marked_problem(error: yaml.MarkedYAMLError, text: str) -> str:
    """go-yaml's line: scanner errors count from one, parser errors from zero, and the mark of the context comes second."""
    if re.match(r"%YAML\s+(?!1\.1\s)", text):
        return "yaml: found incompatible YAML document"
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

    def __init__(self, text: str) -> None:
        self._text = text
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
            raise YAMLError(f"yaml: anchor '{self._anchor(node)}' value contains itself")
        self._open.add(key)
        before = self._count
        value = self._mapping(node) if isinstance(node, yaml.MappingNode) else self._sequence(node)
        self._grow(1)
        self._open.discard(key)
        self._done[key] = (value, self._count - before)
        return value

    def _anchor(self, node: yaml.Node) -> str:
        found = re.match(r"&([\w-]*)", self._text[node.start_mark.index :])
        return found[1] if found else ""

    def _grow(self, size: int) -> None:
        self._count += size
        if self._count > _MAX_NODES:
            raise YAMLError("yaml: document contains excessive aliasing")

    def _sequence(self, node: yaml.Node) -> list[Any]:
        return [self.value(n) for n in node.value]

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if _is_merge(key_node):
                merged = self._merge(value_node) | merged
            else:
                own[self._key(key_node, value_node)] = self.value(value_node)
        return {**merged, **own} if merged else own

    def _key(self, node: yaml.Node, value: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            shown = go_format.syntax(self.value(node)).replace("map[string]", "map[interface {}]")
            raise YAMLError(f"yaml: invalid map key: {shown}")
        self._count += 1
        key = _scalar(node)
        if isinstance(key, str):
            return key
        if key is True or key is False:
            return "true" if key else "false"
        if isinstance(key, int):
            return str(key)
        if isinstance(key, float):
            return go_format.number(key)
        raise YAMLError(
            f"unsupported map key of type: %!s(<nil>), key: <nil>, value: {go_format.sprint(self.value(value))}"
        )

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
    return isinstance(node, yaml.ScalarNode) and node.value == "<<" and node.tag in (PLAIN, TAG_PREFIX + "merge")


def _scalar(node: yaml.ScalarNode) -> Any:
    tag, text = node.tag, node.value
    if tag == PLAIN:
        return plain(text)
    if tag in (TAG_PREFIX + "binary",):
        try:
            return base64.b64decode(text, validate=False).decode("utf-8", "replace")
        except ValueError:
            raise YAMLError("yaml: !!binary value contains invalid base64 data") from None
    kind = tag.removeprefix(TAG_PREFIX)
    if kind in ("int", "float", "bool", "null"):
        value = plain(text)
        if isinstance(value, str):
            raise YAMLError(f"yaml: cannot decode !!str `{text}` as a !!{kind}")
        return value
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
    if first == "." and _LOOSE_UNDERSCORE.search(text):
        return text  # where there is no sign or digit first, go-yaml leaves underscores to Go: they part digits
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        return _integer(digits, text)
    if not _FLOAT.fullmatch(digits):
        return text
    value = float(digits)
    return text if value in (float("inf"), float("-inf")) else whole(value)


def _integer(digits: str, text: str) -> int | float | str:
    sign, body = (-1 if digits[0] == "-" else 1), digits.lstrip("+-")
    prefixed = len(body) > 1 and body[0] == "0"
    if prefixed:
        letter = body[1].lower()
        value = int(body[2:], {"x": 16, "b": 2, "o": 8}[letter]) if letter in "xbo" else int(body, 8)
    else:
        value = int(body)
    value *= sign
    if prefixed and not -(2**63) <= value < 2**64:
        return text
    return int64(value)


def int64(value: int) -> int | float:
    """An integer that Go's int64 cannot hold is a float64."""
    return value if -(2**63) <= value < 2**63 else float(value)


def whole(value: float) -> int | float:
    """Go writes a float without a fraction as an integer, and so reads it back as one."""
    return int(value) if value.is_integer() and abs(value) < 2**63 else value
