"""Which part of an old object a part of the new one comes from. Source: KEP-4008 (ratcheting), apiserver `cel/common`."""

from __future__ import annotations

from typing import Any

from minikctl.api.patch.values import ABSENT

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
