"""The definitions of built-in types in OpenAPI, v3 or v2, from the schema tables.

Source: kube-openapi `pkg/generators` (what a Go type becomes), `pkg/builder` (what v2 leaves out).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from minikctl.api import prose, schema
from minikctl.api.meta import Obj

V3, V2 = "#/components/schemas/", "#/definitions/"
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_PREFIX = {
    "meta/v1": META,
    "runtime": "io.k8s.apimachinery.pkg.runtime.",
    "apiextensions/v1": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.",
    "apiregistration/v1": "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.",
}
_PLAIN: dict[str, Obj] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "float64": {"type": "number", "format": "double"},
    "bytes": {"type": "string", "format": "byte"},
    "any": {"type": "object"},
}
_ZERO = {"string": "", "bool": False, "int32": 0, "int64": 0, "float64": 0}
_LEAVES: dict[str, str] = {
    "Time": META + "Time",
    "MicroTime": META + "MicroTime",
    "Duration": META + "Duration",
    "Quantity": "io.k8s.apimachinery.pkg.api.resource.Quantity",
    "IntOrString": "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
}
_ANY = "JSON of any kind."
_LEAF_SCHEMAS: dict[str, Obj] = {
    "Time": {"type": "string", "format": "date-time", "description": "A moment in RFC 3339, in whole seconds."},
    "MicroTime": {"type": "string", "format": "date-time", "description": "A moment in RFC 3339, in microseconds."},
    "Duration": {"type": "string", "description": "A length of time as Go writes it, such as 1h30m."},
    "Quantity": {
        "type": "string",
        "description": "An amount of something: a number with an optional suffix, such as 500m, 1.5, 2Gi or 3e6.",
    },
    "IntOrString": {"type": "string", "format": "int-or-string", "description": "A number or a string."},
    "runtime.RawExtension": {"type": "object", "description": "An object of any kind."},
    "meta/v1.FieldsV1": {"type": "object", "description": "A set of field paths, as a trie of nested keys."},
    "apiextensions/v1.JSON": {"description": _ANY},
    "apiextensions/v1.JSONSchemaPropsOrArray": {"description": "A schema, or a list of schemas."},
    "apiextensions/v1.JSONSchemaPropsOrBool": {"description": "A schema, or true or false."},
    "apiextensions/v1.JSONSchemaPropsOrStringArray": {"description": "A schema, or a list of strings."},
}
"""Types without fields: their schema, in v2."""
_V3_LEAF_SCHEMAS: dict[str, Obj] = {
    "Quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
    "IntOrString": {"oneOf": [{"type": "integer"}, {"type": "string"}]},
}
_EXTRA_ROOTS = ("meta/v1.DeleteOptions", "meta/v1.Status", "meta/v1.ListMeta", "meta/v1.ObjectMeta")


def definition_name(type_name: str) -> str:
    """`apps/v1.Deployment` → `io.k8s.api.apps.v1.Deployment`."""
    if type_name in _LEAVES:
        return _LEAVES[type_name]
    package, _, name = type_name.rpartition(".")
    return _PREFIX.get(package, f"io.k8s.api.{package.replace('/', '.')}.") + name


def reference(name: str, where: str, **beside: Any) -> Obj:
    """A reference to a definition. In v3 what stands beside it (a description, a default) needs `allOf`."""
    ref = {"$ref": where + name}
    return {"allOf": [ref], **beside} if beside and where == V3 else ref | beside


def value_schema(type_name: str, where: str, ref: str = "", enum: tuple[str, ...] = ()) -> Obj:
    """The schema of an item of a list or map, which is never left out and so has its zero value as default."""
    inner = _structure(type_name, where, ref, enum)
    if where == V2:
        return inner
    if type_name in _ZERO:
        return inner | {"default": _ZERO[type_name]}
    return reference(definition_name(type_name), where, default={}) if _is_struct(type_name) else inner


def _is_struct(type_name: str) -> bool:
    return "/" in type_name and not type_name.startswith(("[]", "map["))


def _structure(type_name: str, where: str, ref: str, enum: tuple[str, ...]) -> Obj:
    if type_name.startswith("[]"):
        return {"type": "array", "items": value_schema(type_name[2:], where, ref, enum)}
    if type_name.startswith("map[string]"):
        return {"type": "object", "additionalProperties": value_schema(type_name[11:], where, ref, enum)}
    if type_name == "any" and ref:
        return reference(definition_name(ref), where)
    if type_name in _PLAIN:
        return {**_PLAIN[type_name], **({"enum": list(enum)} if enum else {})}
    return reference(definition_name(type_name), where)


def _field(field: schema.Field, text: str, where: str) -> Obj:
    """The schema of a field of a struct."""
    enum = () if field.name in ("kind", "apiVersion") else field.enum
    if enum and field.type == "string":
        text += "\n\nPossible enum values:\n" + "\n".join(f' - `"{value}"`' for value in enum)
    shown: Obj = {"description": text.strip()} if text.strip() else {}
    structure = _structure(field.type, where, field.ref, enum)
    default = _default(field) if where == V3 else None
    if default is not None:
        shown["default"] = default
    if "$ref" in structure:
        shown = (
            {**structure, **shown} if where == V2 else reference(structure["$ref"].removeprefix(where), where, **shown)
        )
    else:
        shown |= structure
    return shown | _extensions(field)


def _default(field: schema.Field) -> Any:
    """What Go has where nothing is given: marked defaults, zero values of what is not left out, empty structs."""
    if field.default is not None:
        return field.default
    if field.pointer:
        return None
    if _is_struct(field.type):
        return {}
    return None if field.omit_empty else _ZERO.get(field.type)


def _extensions(field: schema.Field) -> Obj:
    pairs = {
        "x-kubernetes-list-type": field.list_type,
        "x-kubernetes-list-map-keys": list(field.list_keys),
        "x-kubernetes-map-type": field.map_type,
        "x-kubernetes-patch-merge-key": field.merge_key,
        "x-kubernetes-patch-strategy": ",".join(field.strategies),
    }
    return {k: v for k, v in pairs.items() if v}


@cache
def definition(type_name: str, where: str) -> Obj:
    """The definition of one type."""
    if type_name in _LEAF_SCHEMAS:
        return _leaf(type_name, where)
    type_ = schema.get(type_name)
    text, texts = prose.describe(type_name)
    out: Obj = {"description": text} if text else {}
    out["type"] = "object"
    fields = sorted(type_.fields.values(), key=lambda f: f.name)
    if fields:
        out["properties"] = {f.name: _field(f, texts.get(f.name, ""), where) for f in fields}
    required = [f.name for f in type_.fields.values() if f.required]
    if required:
        out["required"] = required
    if type_.atomic:
        out["x-kubernetes-map-type"] = "atomic"
    return out


def _leaf(type_name: str, where: str) -> Obj:
    made = dict(_LEAF_SCHEMAS[type_name])
    if where == V3 and type_name in _V3_LEAF_SCHEMAS:
        del made["type"]
        made |= _V3_LEAF_SCHEMAS[type_name]
    return made


def _references(type_name: str) -> Iterator[str]:
    if type_name in _LEAF_SCHEMAS:
        return
    for field in schema.get(type_name).fields.values():
        inner = schema.innermost(field.type)
        if inner == "any" and field.ref:
            yield field.ref
        elif inner not in _PLAIN:
            yield inner


def closure(types: Iterable[str]) -> list[str]:
    """The types and everything that they refer to, with what every document has."""
    seen: dict[str, None] = {}
    todo = [*types, *_EXTRA_ROOTS]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen[name] = None
            todo += _references(name)
    return sorted(seen)
