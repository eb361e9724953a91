"""Sets of field paths in the form in which the API shows them (FieldsV1).

A set is a nested dict. Keys are path elements: `f:name` a field, `k:{"name":"web"}` a list item by its keys,
`v:"x"` a value in a set, `i:0` an index. `{}` below a key means that the path is in the set; a path that is in the set
and has longer ones below it carries the key `.`. The empty set is `{}` at the root.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minikctl.util.jsonio import compact, loads

Set = dict[str, Any]
SELF = "."


def is_member(node: Set) -> bool:
    """Whether the path of this (non-root) node is itself in the set."""
    return not node or SELF in node


def _node(member: bool, children: Set) -> Set | None:
    if not children:
        return {} if member else None
    return {SELF: {}, **children} if member else children


def _combine(a: Set | None, b: Set | None, how: str) -> Set | None:
    """One node of union, difference or intersection; None is an absent node."""
    if a is None:
        return b if how == "union" else None
    if b is None:
        return None if how == "intersection" else a
    in_a, in_b = is_member(a), is_member(b)
    member = {"union": in_a or in_b, "difference": in_a and not in_b, "intersection": in_a and in_b}[how]
    return _node(member, _children(a, b, how))


def _children(a: Set, b: Set, how: str) -> Set:
    names = a.keys() | b.keys() if how == "union" else a.keys()
    out = {}
    for name in sorted(names):
        if name == SELF:
            continue
        combined = _combine(a.get(name), b.get(name), how)
        if combined is not None:
            out[name] = combined
    return out


def union(a: Set, b: Set) -> Set:
    return _children(a, b, "union") if b else a


def difference(a: Set, b: Set) -> Set:
    return _children(a, b, "difference") if b else a


def intersection(a: Set, b: Set) -> Set:
    return _children(a, b, "intersection") if a and b else {}


def paths(set_: Set, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every path in the set, parents before what is below them."""
    for name, node in set_.items():
        if name == SELF:
            continue
        path = (*prefix, name)
        if is_member(node):
            yield path
        yield from paths(node, path)


def insert(set_: Set, path: tuple[str, ...]) -> None:
    """Add one path; `set_` is changed."""
    node = set_
    for i, name in enumerate(path):
        fresh = name not in node
        child = node.setdefault(name, {})
        if i == len(path) - 1:
            if child:
                child.setdefault(SELF, {})
        elif not fresh and not child:
            child[SELF] = {}
        node = child


def key_element(keys: dict[str, Any]) -> str:
    return "k:" + compact(dict(sorted(keys.items()))).decode()


def value_element(value: Any) -> str:
    return "v:" + compact(value).decode()


def show(path: tuple[str, ...]) -> str:
    """A path for people: `.spec.containers[name="web"].image`."""
    out = ""
    for element in path:
        kind, rest = element[:2], element[2:]
        if kind == "f:":
            out += f".{rest}"
        elif kind == "k:":
            keys = loads(rest)
            out += "[" + ",".join(f"{k}={compact(v).decode()}" for k, v in sorted(keys.items())) + "]"
        elif kind == "v:":
            out += f"[={rest}]"
        else:
            out += f"[{rest}]"
    return out
