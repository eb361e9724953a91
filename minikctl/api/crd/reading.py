"""Reading custom resources: nulls, defaults, pruning, metadata. The objects given are changed in place.

Source: apiextensions-apiserver `pkg/apiserver/schema/{defaulting,pruning,objectmeta}`.
"""

from __future__ import annotations

from typing import Any

from minikctl.api import schema as types
from minikctl.api.meta import Obj

Schema = dict[str, Any]
META = ("apiVersion", "kind", "metadata")


def read(schema: Schema | None, obj: Obj) -> list[str]:
    """Bring a client's object into the form that is stored; the paths of what was dropped, sorted.

    Raises schema.DecodeError for metadata of wrong types.
    """
    default(schema, obj)
    unknown = prune({**(schema or {}), "x-kubernetes-embedded-resource": True}, obj)
    unknown += coerce({**(schema or {}), "x-kubernetes-embedded-resource": True}, obj)
    return sorted(unknown)


def default(schema: Schema | None, obj: Any) -> None:
    """Fill in defaults; nulls where none may be are dropped, or replaced by the default."""
    _drop_nulls(schema, obj)
    _default(schema, obj)


def _below(schema: Schema | None, name: str) -> Schema | None:
    """The schema of a member, None when there is none."""
    if schema is None:
        return None
    found: Schema | None = (schema.get("properties") or {}).get(name)
    if found is None:
        extra = schema.get("additionalProperties")
        return extra if isinstance(extra, dict) else None
    return found


def _must_not_be_null(schema: Schema | None, value: Any) -> bool:
    return value is None and schema is not None and not schema.get("nullable")


def _drop_nulls(schema: Schema | None, value: Any) -> None:
    if isinstance(value, dict):
        for name in list(value):
            below = _below(schema, name)
            if _must_not_be_null(below, value[name]) and below is not None and below.get("default") is None:
                del value[name]
            else:
                _drop_nulls(below, value[name])
    elif isinstance(value, list):
        items = (schema or {}).get("items")
        for item in value:
            _drop_nulls(items, item)


def _default(schema: Schema | None, value: Any) -> None:
    if schema is None:
        return
    if isinstance(value, dict):
        for name, part in (schema.get("properties") or {}).items():
            given = part.get("default")
            if given is not None and (name not in value or _must_not_be_null(part, value[name])):
                value[name] = copy(given)
        for name in value:
            below = _below(schema, name)
            if _must_not_be_null(below, value[name]) and below is not None:
                value[name] = copy(below.get("default"))
            _default(below, value[name])
    elif isinstance(value, list):
        items = schema.get("items")
        for i, item in enumerate(value):
            if _must_not_be_null(items, item) and items is not None:
                value[i] = copy(items.get("default"))
            _default(items, value[i])


def copy(value: Any) -> Any:
    """A private copy of JSON data."""
    if isinstance(value, dict):
        return {k: copy(v) for k, v in value.items()}
    return [copy(v) for v in value] if isinstance(value, list) else value


# ---------------------------------------------------------------------- pruning


def prune(schema: Schema | None, value: Any, path: str = "") -> list[str]:
    """Drop what the schema does not have; the paths of it."""
    if schema is not None and schema.get("x-kubernetes-preserve-unknown-fields"):
        return _prune_known(schema, value, path)
    unknown: list[str] = []
    if isinstance(value, dict):
        embedded = schema is not None and schema.get("x-kubernetes-embedded-resource")
        for name in list(value):
            if embedded and name in META:
                continue
            if schema is not None and _has_place(schema, name):
                unknown += prune(_below(schema, name), value[name], _join(path, name))
            else:
                if name not in META or path:
                    unknown.append(_join(path, name))
                del value[name]
    elif isinstance(value, list):
        items = (schema or {}).get("items")
        for i, item in enumerate(value):
            unknown += prune(items, item, f"{path}[{i}]")
    return unknown


def _has_place(schema: Schema, name: str) -> bool:
    extra = schema.get("additionalProperties")
    return name in (schema.get("properties") or {}) or extra is True or isinstance(extra, dict)


def _prune_known(schema: Schema | None, value: Any, path: str) -> list[str]:
    """Below x-kubernetes-preserve-unknown-fields: what is specified is pruned by its own schema."""
    unknown: list[str] = []
    if schema is None:
        return unknown
    if isinstance(value, dict):
        embedded = schema.get("x-kubernetes-embedded-resource")
        for name, item in value.items():
            if not (embedded and name in META) and _has_place(schema, name):
                unknown += prune(_below(schema, name), item, _join(path, name))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            unknown += _prune_known(schema.get("items"), item, f"{path}[{i}]")
    return unknown


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


# ---------------------------------------------------------------------- metadata


def coerce(schema: Schema | None, value: Any, path: str = "") -> list[str]:
    """Read metadata, the object's own and those of embedded resources, as ObjectMeta; the paths of unknown fields.

    Raises schema.DecodeError.
    """
    unknown: list[str] = []
    if schema is None:
        return unknown
    if isinstance(value, dict):
        if schema.get("x-kubernetes-embedded-resource"):
            unknown += _coerce_metadata(value, path)
        for name, item in value.items():
            unknown += coerce(_below(schema, name), item, _join(path, name))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            unknown += coerce(schema.get("items"), item, f"{path}[{i}]")
    return unknown


def _coerce_metadata(value: Obj, path: str) -> list[str]:
    for name in ("apiVersion", "kind"):
        if name in value and not isinstance(value[name], str):
            raise types.DecodeError(f"{_join(path, name)}: Invalid value: {value[name]!r}: must be a string")
    if value.get("metadata") is None:
        return []
    at = _join(path, "metadata")
    if not isinstance(value["metadata"], dict):
        raise types.DecodeError(
            f"{at}: Invalid value: json: cannot unmarshal {_go_type(value['metadata'])} "
            "into Go value of type v1.ObjectMeta"
        )
    decoded = types.decode("meta/v1.ObjectMeta", value["metadata"])
    value["metadata"] = decoded.value
    return [_join(at, unknown) for unknown in decoded.unknown]


def _go_type(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case list():
            return "array"
    return "number"
