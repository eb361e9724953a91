"""Walking a value by its shape: which fields it sets, what differs, what it becomes with another merged in.

Source of the rules: sigs.k8s.io/structured-merge-diff (typed values).
"""

from __future__ import annotations

from typing import Any

from minikctl.api.apply import fields
from minikctl.api.apply.fields import Set
from minikctl.api.apply.shape import Shape


def _is_map(shape: Shape, value: Any) -> bool:
    return isinstance(value, dict) and shape.kind in ("map", "any")


def element_of(shape: Shape, item: Any) -> str | None:
    """The path element of a list item; None when the item lacks a key."""
    if shape.kind == "set":
        return fields.value_element(item)
    if not isinstance(item, dict):
        return None
    keys = {k: item.get(k, shape.key_defaults.get(k)) for k in shape.keys}
    present = {k: v for k, v in keys.items() if v is not None}
    return fields.key_element(present) if present else None


def _items(shape: Shape, value: Any) -> dict[str, Any] | None:
    """Items of an associative list or set by path element; None when the value has to be taken as a whole."""
    if shape.kind not in ("list", "set") or not isinstance(value, list):
        return None
    out: dict[str, Any] = {}
    for item in value:
        element = element_of(shape, item)
        if element is None or element in out:
            return None
        out[element] = item
    return out


def field_set(shape: Shape, value: Any) -> Set:
    """The fields that a value sets."""
    node = _fields_below(shape, value)
    return node if node is not None else {}


def _fields_below(shape: Shape, value: Any) -> Set | None:
    """The children of a path in the set; None when the path itself is the member (scalars, atomics)."""
    if _is_map(shape, value):
        out: Set = {}
        for name in sorted(value):
            item = value[name]
            below = _fields_below(shape.child(name), item)
            empty = item is None or item == {}
            if below is None or not below:
                if below is None or empty or not shape.is_field(name):
                    out[f"f:{name}"] = {}
            elif shape.is_field(name):
                out[f"f:{name}"] = below
            else:
                out[f"f:{name}"] = {fields.SELF: {}, **below}
        return out
    items = _items(shape, value)
    if items is None:
        return None
    out = {}
    for element, item in sorted(items.items()):
        below = None if shape.kind == "set" else _fields_below(shape.item(), item)
        out[element] = {fields.SELF: {}, **below} if below else {}
    return out


def modified(shape: Shape, before: Any, after: Any) -> Set:
    """The members present in both values that differ."""
    out: Set = {}
    if _is_map(shape, before) and _is_map(shape, after):
        for name in before.keys() & after.keys():
            a, b = before[name], after[name]
            if a is b or (a == b and type(a) is type(b)):
                continue
            _note(out, f"f:{name}", shape.child(name), a, b)
        return out
    items_before, items_after = _items(shape, before), _items(shape, after)
    if items_before is None or items_after is None:
        return out
    for element in items_before.keys() & items_after.keys():
        if items_before[element] != items_after[element]:
            _note(out, element, shape.item(), items_before[element], items_after[element])
    return out


def _note(out: Set, element: str, shape: Shape, a: Any, b: Any) -> None:
    both_maps = _is_map(shape, a) and _is_map(shape, b)
    both_lists = _items(shape, a) is not None and _items(shape, b) is not None
    if both_maps or both_lists:
        below = modified(shape, a, b)
        if below:
            out[element] = below
    else:
        out[element] = {}


def merge(shape: Shape, live: Any, config: Any) -> Any:
    """`live` with everything that `config` sets. Neither is changed."""
    if _is_map(shape, live) and _is_map(shape, config):
        out = dict(live)
        for name, value in config.items():
            out[name] = merge(shape.child(name), live[name], value) if name in live else value
        return out
    items_live, items_config = _items(shape, live), _items(shape, config)
    if items_live is None or items_config is None:
        return config
    merged = {
        e: merge(shape.item(), items_live[e], v) if e in items_live and shape.kind == "list" else v
        for e, v in items_config.items()
    }
    return _in_order(items_live, merged)


def _in_order(live: dict[str, Any], config: dict[str, Any]) -> list[Any]:
    """The config's order; what only the live list has stays behind its predecessor."""
    order = list(config)
    previous: str | None = None
    for element in live:
        if element not in config:
            order.insert(order.index(previous) + 1 if previous else 0, element)
        previous = element
    return [config.get(e, live.get(e)) for e in order]


def remove(shape: Shape, value: Any, gone: Set) -> Any:
    """The value without the members of a set; maps that lose everything go with it."""
    if not gone:
        return value
    if _is_map(shape, value):
        out = {}
        for name, item in value.items():
            node = gone.get(f"f:{name}")
            if node is None:
                out[name] = item
                continue
            if fields.is_member(node):
                continue
            rest = remove(shape.child(name), item, node)
            if rest not in ({}, []) or item in ({}, []):
                out[name] = rest
        return out
    items = _items(shape, value)
    if items is None:
        return value
    kept = []
    for element, item in items.items():
        node = gone.get(element)
        if node is None:
            kept.append(item)
        elif not fields.is_member(node):
            kept.append(remove(shape.item(), item, node))
    return kept
