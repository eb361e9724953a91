"""How values of a type are taken apart: which maps and lists have owners for each member, and which only as a whole.

Built-in types say it in the schema tables (listType, mapType); custom resources in their OpenAPI schema
(x-kubernetes-list-type, x-kubernetes-map-type, x-kubernetes-preserve-unknown-fields).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from minikctl.api import schema

KEY_DEFAULTS: dict[str, Any] = {"protocol": "TCP"}
"""The only key of built-in lists that has a default."""


class Shape(Protocol):
    """One place in a type. kind: `leaf` (scalars and everything that is owned as a whole), `map`, `list`, `set`, `any`.

    `list` items are told apart by `keys`. `any` follows the value: maps are taken apart, lists are not.
    """

    @property
    def kind(self) -> str: ...

    @property
    def keys(self) -> tuple[str, ...]: ...

    @property
    def key_defaults(self) -> dict[str, Any]:
        """List keys that a manifest may leave out, with what the server fills in."""
        ...

    def child(self, name: str) -> Shape: ...

    def is_field(self, name: str) -> bool:
        """True for a declared field, False for a key of a map."""
        ...

    def item(self) -> Shape: ...


@dataclass(frozen=True)
class _Simple:
    kind: str
    keys: tuple[str, ...] = ()

    @property
    def key_defaults(self) -> dict[str, Any]:
        return KEY_DEFAULTS

    def child(self, _name: str) -> Shape:
        return self

    def is_field(self, _name: str) -> bool:
        return False

    def item(self) -> Shape:
        return self


LEAF: Shape = _Simple("leaf")
ANY: Shape = _Simple("any")


@dataclass(frozen=True)
class _BuiltIn:
    """A type of the schema tables, with what the field that holds it says about lists and maps."""

    type: str
    kind: str
    keys: tuple[str, ...] = ()

    @property
    def key_defaults(self) -> dict[str, Any]:
        return KEY_DEFAULTS

    def child(self, name: str) -> Shape:
        if self.type.startswith("map["):
            return built_in(schema.element(self.type))
        field = schema.get(self.type).fields.get(name)
        return built_in(field.type, field.list_type, field.list_keys, field.map_type) if field else ANY

    def is_field(self, name: str) -> bool:
        return not self.type.startswith("map[") and name in schema.get(self.type).fields

    def item(self) -> Shape:
        return built_in(self.type[2:])


@cache
def built_in(type_name: str, list_type: str = "", list_keys: tuple[str, ...] = (), map_type: str = "") -> Shape:
    """The shape of a built-in type in the place of a field with these markers."""
    if type_name in schema.SCALARS:
        return LEAF
    if type_name.startswith("[]"):
        if list_type == "map" and list_keys:
            return _BuiltIn(type_name, "list", list_keys)
        return _BuiltIn(type_name, "set") if list_type == "set" else LEAF
    if type_name.startswith("map["):
        return LEAF if map_type == "atomic" else _BuiltIn(type_name, "map")
    if map_type == "atomic" or schema.get(type_name).atomic:
        return LEAF
    return _BuiltIn(type_name, "map")


class _OpenAPI:
    """A part of a custom resource's schema."""

    def __init__(self, node: dict[str, Any]):
        self._node = node
        self.keys: tuple[str, ...] = tuple(node.get("x-kubernetes-list-map-keys") or ())
        self.kind = self._kind()
        parts = (node.get("items") or {}).get("properties") or {}
        self.key_defaults = {k: parts[k]["default"] for k in self.keys if "default" in (parts.get(k) or {})}

    def _kind(self) -> str:
        node = self._node
        if node.get("type") == "object" or "properties" in node or node.get("additionalProperties"):
            return "leaf" if node.get("x-kubernetes-map-type") == "atomic" else "map"
        if node.get("type") == "array":
            return {"map": "list", "set": "set"}.get(node.get("x-kubernetes-list-type", ""), "leaf")
        if node.get("x-kubernetes-preserve-unknown-fields") and "type" not in node:
            return "any"
        return "leaf"

    def child(self, name: str) -> Shape:
        if name in (self._node.get("properties") or {}):
            return _OpenAPI(self._node["properties"][name])
        extra = self._node.get("additionalProperties")
        return _OpenAPI(extra) if isinstance(extra, dict) else ANY

    def is_field(self, name: str) -> bool:
        return name in (self._node.get("properties") or {})

    def item(self) -> Shape:
        return _OpenAPI(self._node.get("items") or {})


class _CustomRoot:
    """A custom resource: its own schema, with Kubernetes' metadata."""

    kind = "map"
    keys: tuple[str, ...] = ()
    key_defaults: dict[str, Any] = {}

    def __init__(self, node: dict[str, Any]):
        self._inner = _OpenAPI({**node, "type": "object"})

    def child(self, name: str) -> Shape:
        if name == "metadata":
            return built_in("meta/v1.ObjectMeta")
        return LEAF if name in ("apiVersion", "kind") else self._inner.child(name)

    def is_field(self, name: str) -> bool:
        return name in ("metadata", "apiVersion", "kind") or self._inner.is_field(name)

    def item(self) -> Shape:
        return LEAF


def custom(openapi_schema: dict[str, Any]) -> Shape:
    """The shape of a custom resource by its openAPIV3Schema."""
    return _CustomRoot(openapi_schema)
