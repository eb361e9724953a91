"""Lists that are sets or maps: no member may come twice. Source: apiextensions-apiserver `schema/listtype`."""

from __future__ import annotations

from typing import Any

from minikctl.api.errors import FieldError, field_duplicate, field_invalid
from minikctl.util.jsonio import compact

Schema = dict[str, Any]


def validate(schema: Schema | None, value: Any, path: str = "") -> list[FieldError]:
    """Errors for the second appearance of each member that comes more than once."""
    if schema is None:
        return []
    errors: list[FieldError] = []
    if isinstance(value, dict):
        extra, properties = schema.get("additionalProperties"), schema.get("properties") or {}
        for name, item in value.items():
            if name in properties:
                errors += validate(properties[name], item, f"{path}.{name}" if path else name)
            elif isinstance(extra, dict):
                errors += validate(extra, item, f"{path}[{name}]")
    elif isinstance(value, list):
        kind = schema.get("x-kubernetes-list-type")
        if kind == "set":
            errors += [field_duplicate(f"{path}[{i}]", value[i]) for i in _repeated(value)]
        elif kind == "map":
            errors += _map(schema.get("x-kubernetes-list-map-keys") or [], value, path)
        for i, item in enumerate(value):
            errors += validate(schema.get("items"), item, f"{path}[{i}]")
    return errors


def _map(keys: list[str], items: list[Any], path: str) -> list[FieldError]:
    for i, item in enumerate(items):
        if item is not None and not isinstance(item, dict):
            return [field_invalid(f"{path}[{i}]", item, "must be an object for an array of list-type map")]
    named = [{k: item[k] for k in keys if k in item} if item else {} for item in items]
    return [field_duplicate(f"{path}[{i}]", named[i]) for i in _repeated(named)]


def _repeated(items: list[Any]) -> list[int]:
    """Where members appear for the second time."""
    counts: dict[Any, int] = {}
    found = []
    for i, item in enumerate(items):
        key = compact(_sorted(item))
        counts[key] = counts.get(key, 0) + 1
        if counts[key] == 2:
            found.append(i)
    return found


def _sorted(value: Any) -> Any:
    """As Go marshals: keys sorted."""
    if isinstance(value, dict):
        return {k: _sorted(v) for k, v in sorted(value.items())}
    return [_sorted(v) for v in value] if isinstance(value, list) else value
