"""Which part of an old object a part of the new one comes from. Source: KEP-4008 (ratcheting), apiserver `cel/common`."""

from __future__ import annotations

from typing import Any

from minikctl.api.patch.values import ABSENT, identical

Schema = dict[str, Any]


def member(old: Any, name: str) -> Any:
    """The old value of a property or map entry, ABSENT when there was none."""
    return old.get(name, ABSENT) if isinstance(old, dict) else ABSENT


def item(schema: Schema, old: Any, value: Any) -> Any:
    """The old value of a list item: only items of list maps can be found again."""
    keys = schema.get("x-kubernetes-list-map-keys") or []
    if schema.get("x-kubernetes-list-type") != "map" or not isinstance(old, list) or not isinstance(value, dict):
        return ABSENT
    for candidate in old:
        if isinstance(candidate, dict) and all(candidate.get(k) == value.get(k) for k in keys):
            return candidate
    return ABSENT


def aligned(schema: Schema, old: Any, value: Any) -> Any:
    """The old value with its sets and maps in the order of the new one: in them, order means nothing.

    So rules that compare `self` with `oldSelf` do not see it.
    """
    if isinstance(old, dict) and isinstance(value, dict):
        properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
        out = {}
        for name, part in old.items():
            below = properties.get(name) or (extra if isinstance(extra, dict) else None)
            out[name] = aligned(below, part, value.get(name)) if below else part
        return out
    if not isinstance(old, list) or not isinstance(value, list):
        return old
    items = schema.get("items") if isinstance(schema.get("items"), dict) else {}
    if schema.get("x-kubernetes-list-type") == "set":
        return sorted(old, key=lambda o: next((i for i, v in enumerate(value) if identical(o, v)), len(value)))
    if schema.get("x-kubernetes-list-type") != "map":
        return old
    places = [(_place(schema, value, o), o) for o in old]
    places.sort(key=lambda found: found[0])
    return [aligned(items or {}, o, value[i]) if i < len(value) else o for i, o in places]


def _place(schema: Schema, items: list[Any], old: Any) -> int:
    """Where the item of a list map with the keys of an old one is; behind the last when it is gone."""
    keys = schema.get("x-kubernetes-list-map-keys") or []
    for i, candidate in enumerate(items):
        if isinstance(candidate, dict) and isinstance(old, dict) and all(candidate.get(k) == old.get(k) for k in keys):
            return i
    return len(items)
