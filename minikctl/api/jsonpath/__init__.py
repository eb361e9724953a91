"""JSONPath as kubectl knows it: a template with `{…}` actions, ranges, filters, unions and slices.

Source: client-go `util/jsonpath`; https://kubernetes.io/docs/reference/kubectl/jsonpath/. Where Go walks a map in
random order, keys are taken in order here.
"""

from __future__ import annotations

from typing import Any

from minikctl.api.jsonpath.parser import JSONPathError, Node, parse
from minikctl.util import go_format

__all__ = ["JSONPath", "JSONPathError"]


class JSONPath:
    """A template that can be carried out on objects. Raises JSONPathError."""

    def __init__(self, text: str, *, allow_missing: bool = True):
        self.text = text
        self.nodes = parse(text)
        self.allow_missing = allow_missing
        self._begin = self._inside = self._end = 0
        self._last_end = -1

    def find(self, data: Any) -> list[list[Any]]:
        """The results of each part of the template."""
        self._begin = self._inside = self._end = 0
        return self._find(data, 0)

    def _find(self, data: Any, start: int) -> list[list[Any]]:
        full: list[list[Any]] = []
        i = start
        while i < len(self.nodes):
            results = self.walk([data], self.nodes[i])
            if 0 < self._end <= self._inside:
                self._end -= 1
                self._last_end = i
                break
            if self._begin > 0:
                self._begin -= 1
                self._inside += 1
                for value in results:
                    full += self._find(value, i + 1)
                if not results:
                    self._find(None, i + 1)  # to learn where the range ends
                self._inside -= 1
                if self._last_end > i:
                    i = self._last_end
            else:
                full.append(results)
            i += 1
        return full

    def walk(self, values: list[Any], node: Node) -> list[Any]:
        """One node on what the nodes before it found."""
        match node.kind:
            case "list":
                for step in node.nodes:
                    values = self.walk(values, step)
                return values
            case "text":
                return [node.value]
            case "value":
                return [node.value] * len(values)
            case "field":
                return self._field(values, node.value)
            case "array":
                return [item for v in values for item in _sliced(v, node.value)]
            case "wildcard":
                return [item for v in values for item in _children(v)]
            case "recursive":
                return _descend(values)
            case "union":
                return [item for part in node.nodes for item in self.walk(values, part)]
            case "filter":
                return [item for v in values for item in self._filter(v, node)]
        return self._identifier(values, node.value)

    def _identifier(self, values: list[Any], name: str) -> list[Any]:
        if name == "range":
            self._begin += 1
            return values
        if name != "end":
            raise JSONPathError(f"unrecognized identifier {name}")
        if self._inside <= 0:
            raise JSONPathError("not in range, nothing to end")
        self._end += 1
        return []

    def _field(self, values: list[Any], name: str) -> list[Any]:
        found = [v[name] for v in values if isinstance(v, dict) and name in v]
        if not found and values and not self.allow_missing:
            raise JSONPathError(f"{name} is not found")
        return found

    def _filter(self, value: Any, node: Node) -> list[Any]:
        if not isinstance(value, list):
            raise JSONPathError(f"{go_format.sprint(value)} is not array or slice and cannot be filtered")
        return [item for item in value if self._passes(item, node)]

    def _passes(self, item: Any, node: Node) -> bool:
        if node.value == "exists":
            try:
                return bool(self.walk([item], Node("list", nodes=node.nodes)))
            except JSONPathError:
                return False
        lefts = self.walk([item], Node("list", nodes=node.nodes))
        if len(lefts) > 1:
            raise JSONPathError("can only compare one element at a time")
        if not lefts:
            return False
        rights = self.walk([item], Node("list", nodes=node.right))
        if len(rights) > 1:
            raise JSONPathError("can only compare one element at a time")
        return bool(rights) and compare(node.value, lefts[0], rights[0])


def _sliced(value: Any, params: list[tuple[int, bool, bool]]) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise JSONPathError(f"{go_format.type_name(value)} is not array or slice")
    (start, start_known, _), (stop, stop_known, derived), (step, step_known, _) = params
    size = len(value)
    start = start if start_known else 0
    start += size if start < 0 else 0
    stop = stop if stop_known else size
    stop += size if stop < 0 or (stop == 0 and derived) else 0
    if start == stop:
        return []
    if start >= size or start < 0:
        raise JSONPathError(f"array index out of bounds: index {start}, length {size}")
    if stop > size or stop < 0:
        raise JSONPathError(f"array index out of bounds: index {stop - 1}, length {size}")
    if start > stop:
        raise JSONPathError(f"starting index {start} is greater than ending index {stop}")
    if step_known and step <= 0:
        raise JSONPathError("step must be > 0")
    return value[start : stop : step if step_known else 1]


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value[k] for k in sorted(value)]
    if isinstance(value, list):
        return value
    return list(value.encode()) if isinstance(value, str) else []


def _descend(values: list[Any]) -> list[Any]:
    """Every value that has something in it, texts included, parents first."""
    out: list[Any] = []
    for value in values:
        if isinstance(value, str):
            if value:
                out.append(value)
        elif children := _children(value):
            out.append(value)
            out += _descend(children)
    return out


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float"
    if isinstance(value, str):
        return "string"
    raise JSONPathError("invalid type for comparison")


def compare(operator: str, left: Any, right: Any) -> bool:
    """`==`, `!=`, `<`, `<=`, `>`, `>=` on values of one kind. Raises JSONPathError."""
    if operator not in ("==", "!=", "<", "<=", ">", ">="):
        raise JSONPathError(f"unrecognized filter operator {operator}")
    kind = _kind(left)
    if kind != _kind(right):
        raise JSONPathError("incompatible types for comparison")
    if operator in ("==", "!="):
        return bool((left == right) == (operator == "=="))
    if kind == "bool":
        raise JSONPathError("invalid type for comparison")
    less = left < right
    match operator:
        case "<":
            return bool(less)
        case "<=":
            return bool(less or left == right)
        case ">":
            return not (less or left == right)
    return not less
