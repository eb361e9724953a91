"""OpenAPI documents of the served API: v3 one a group and version, v2 one for all. Pure functions of the kinds.

Source: Kubernetes concept "API overview", KEP-2896 (OpenAPI v3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from minikctl import KUBERNETES_VERSION
from minikctl.api import prose, schema
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj

META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_PREFIX = {
    "meta/v1": META,
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
_LEAVES: dict[str, tuple[str, Obj]] = {
    "Time": (META + "Time", {"type": "string", "format": "date-time"}),
    "MicroTime": (META + "MicroTime", {"type": "string", "format": "date-time"}),
    "Duration": (META + "Duration", {"type": "string"}),
    "Quantity": (
        "io.k8s.apimachinery.pkg.api.resource.Quantity",
        {"oneOf": [{"type": "string"}, {"type": "number"}]},
    ),
    "IntOrString": (
        "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
        {"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"},
    ),
}
V3, V2 = "#/components/schemas/", "#/definitions/"


def definition_name(type_name: str) -> str:
    """`apps/v1.Deployment` → `io.k8s.api.apps.v1.Deployment`."""
    package, _, name = type_name.rpartition(".")
    return _PREFIX.get(package, f"io.k8s.api.{package.replace('/', '.')}.") + name


def _field(type_name: str, where: str) -> Obj:
    """The schema of a value of a type."""
    if type_name in _PLAIN:
        return dict(_PLAIN[type_name])
    if type_name.startswith("[]"):
        return {"type": "array", "items": _field(type_name[2:], where)}
    if type_name.startswith("map[string]"):
        return {"type": "object", "additionalProperties": _field(type_name[11:], where)}
    target = _LEAVES[type_name][0] if type_name in _LEAVES else definition_name(type_name)
    ref = {"$ref": where + target}
    return ref if where == V2 else {"allOf": [ref], "default": {}} if "/" in type_name else {"allOf": [ref]}


@cache
def _definition(type_name: str, where: str) -> Obj:
    type_ = schema.get(type_name)
    text, texts = prose.describe(type_name)
    properties: Obj = {}
    for field in sorted(type_.fields.values(), key=lambda f: f.name):
        shown: Obj = {"description": texts[field.name]} if texts.get(field.name) else {}
        shown |= _field(field.type, where)
        if field.pointer and "default" in shown:
            del shown["default"]
        if field.enum and field.name not in ("kind", "apiVersion"):
            shown["enum"] = list(field.enum)
        shown |= _extensions(field)
        properties[field.name] = shown
    out: Obj = {"type": "object"}
    if text:
        out["description"] = text
    if properties:
        out["properties"] = properties
    required = sorted(f.name for f in type_.fields.values() if f.required)
    if required:
        out["required"] = required
    if type_.atomic:
        out["x-kubernetes-map-type"] = "atomic"
    return out


def _extensions(field: schema.Field) -> Obj:
    pairs = {
        "x-kubernetes-list-type": field.list_type,
        "x-kubernetes-list-map-keys": list(field.list_keys),
        "x-kubernetes-map-type": field.map_type,
        "x-kubernetes-patch-merge-key": field.merge_key,
        "x-kubernetes-patch-strategy": ",".join(field.strategies),
    }
    return {k: v for k, v in pairs.items() if v}


def _references(type_name: str) -> Iterator[str]:
    for field in schema.get(type_name).fields.values():
        inner = field.type
        while inner.startswith(("[]", "map[string]")):
            inner = inner.removeprefix("[]").removeprefix("map[string]")
        if inner not in _PLAIN:
            yield inner


def _closure(types: Iterable[str]) -> list[str]:
    """The types and everything that they refer to."""
    seen: dict[str, None] = {}
    todo = list(types)
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen[name] = None
        if name not in _LEAVES:
            todo += _references(name)
    return sorted(seen)


def definitions(kinds: Iterable[Kind], where: str) -> Obj:
    """Definitions of kinds, their lists, and all they refer to, by OpenAPI name."""
    out: Obj = {}
    kinds = list(kinds)
    roots = [k.type for k in kinds if k.type]
    extra = ["meta/v1.DeleteOptions", "meta/v1.Status", "meta/v1.ListMeta", "meta/v1.ObjectMeta"]
    if any(k.scale for k in kinds):
        extra.append("autoscaling/v1.Scale")
    by_type = {k.type: k for k in kinds if k.type}
    for name in _closure([*roots, *extra]):
        if name in _LEAVES:
            out[_LEAVES[name][0]] = _LEAVES[name][1]
            continue
        made = _definition(name, where)
        kind = by_type.get(name)
        out[definition_name(name)] = {**made, **_gvk(kind)} if kind else made
    for kind in kinds:
        if kind.type:
            out[definition_name(kind.type) + "List"] = _list_definition(kind, definition_name(kind.type), where)
        else:
            name = custom_name(kind)
            out[name] = _custom(kind, where)
            out[name + "List"] = _list_definition(kind, name, where)
    return dict(sorted(out.items()))


def _gvk(kind: Kind, suffix: str = "") -> Obj:
    gvk = {"group": kind.group, "kind": kind.kind + suffix, "version": kind.version}
    return {"x-kubernetes-group-version-kind": [gvk]}


def _list_definition(kind: Kind, item: str, where: str) -> Obj:
    ref: Obj = {"$ref": where + item}
    return {
        "description": f"{kind.kind}List is a list of {kind.kind}.",
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": _field("meta/v1.ListMeta", where),
            "items": {"type": "array", "items": ref if where == V2 else {"allOf": [ref], "default": {}}},
        },
        **_gvk(kind, "List"),
    }


def custom_name(kind: Kind) -> str:
    """`io.example.stable.v1.CronTab` for group stable.example.io."""
    return ".".join([*reversed(kind.group.split(".")), kind.version, kind.kind])


def _custom(kind: Kind, where: str) -> Obj:
    given = dict(kind.openapi_schema or {"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    properties = dict(given.get("properties") or {})
    _, texts = prose.describe("apps/v1.Deployment")
    for name in ("apiVersion", "kind"):
        properties[name] = {"type": "string", "description": texts.get(name, "")}
    properties["metadata"] = {"description": texts.get("metadata", ""), **_field("meta/v1.ObjectMeta", where)}
    return {**given, "properties": properties, **_gvk(kind)}


# ---------------------------------------------------------------- paths

_QUERY = {
    "write": ("dryRun", "fieldManager", "fieldValidation"),
    "list": (
        "allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion",
        "resourceVersionMatch", "sendInitialEvents", "timeoutSeconds", "watch",
    ),
    "delete": ("dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy"),
}  # fmt: skip
_TYPES = {
    "limit": "integer", "timeoutSeconds": "integer", "gracePeriodSeconds": "integer", "watch": "boolean",
    "allowWatchBookmarks": "boolean", "sendInitialEvents": "boolean", "orphanDependents": "boolean", "force": "boolean",
}  # fmt: skip
_METHODS = {
    "get": "get", "list": "get", "create": "post", "update": "put", "patch": "patch", "delete": "delete",
    "deletecollection": "delete",
}  # fmt: skip
_PATCH_TYPES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)


def _parameter(name: str, place: str = "query") -> Obj:
    return {
        "name": name,
        "in": place,
        "schema": {"type": _TYPES.get(name, "string"), "uniqueItems": True},
        **({"required": True} if place == "path" else {}),
    }


def _operation(kind: Kind, verb: str, ref: str, where: str) -> Obj:
    """One operation; enough for clients that ask which parameters are understood, and for fuzzers."""
    queries = _QUERY["list" if verb == "list" else "delete" if verb.startswith("delete") else "write"]
    if verb == "get":
        queries = ()
    if verb == "patch":
        queries = (*queries, "force")
    name = f"{verb}{'Namespaced' if kind.namespaced else ''}{kind.kind}"
    shown = {"$ref": where + (ref + "List" if verb == "list" else ref)}
    operation: Obj = {
        "operationId": name,
        "tags": [f"{kind.group.replace('.', '_') or 'core'}_{kind.version}"],
        "parameters": [_parameter(q) for q in queries],
        "responses": {
            "200": {"description": "OK", "content": {"application/json": {"schema": shown}}},
            "401": {"description": "Unauthorized"},
        },
        "x-kubernetes-action": verb,
        "x-kubernetes-group-version-kind": _gvk(kind)["x-kubernetes-group-version-kind"][0],
    }
    if verb in ("create", "update"):
        operation["requestBody"] = {"content": {"*/*": {"schema": {"$ref": where + ref}}}, "required": True}
    if verb == "patch":
        types = [t for t in _PATCH_TYPES if kind.type or "strategic" not in t]
        operation["requestBody"] = {"content": {t: {"schema": {"type": "object"}} for t in types}, "required": True}
    return operation


def paths(kinds: Iterable[Kind], where: str = V3) -> Obj:
    """Path → operations of some kinds."""
    out: Obj = {}
    for kind in kinds:
        root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
        ref = definition_name(kind.type) if kind.type else custom_name(kind)
        base = f"{root}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"{root}/{kind.plural}"
        scope = [_parameter("namespace", "path")] if kind.namespaced else []
        if kind.namespaced and "list" in kind.verbs:
            out[f"{root}/{kind.plural}"] = {"get": _operation(kind, "list", ref, where)}
        collection = {
            _METHODS[v]: _operation(kind, v, ref, where)
            for v in ("list", "create", "deletecollection")
            if v in kind.verbs
        }
        single = {
            _METHODS[v]: _operation(kind, v, ref, where)
            for v in ("get", "update", "patch", "delete")
            if v in kind.verbs
        }
        if collection:
            out[base] = {**collection, "parameters": scope}
        named = [*scope, _parameter("name", "path")]
        if single:
            out[f"{base}/{{name}}"] = {**single, "parameters": named}
        if kind.has_status:
            status = {_METHODS[v]: _operation(kind, v, ref, where) for v in ("get", "update", "patch")}
            out[f"{base}/{{name}}/status"] = {**status, "parameters": named}
    return dict(sorted(out.items()))


def document_v3(kinds: Iterable[Kind]) -> Obj:
    """The document of one group and version."""
    kinds = list(kinds)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": KUBERNETES_VERSION},
        "paths": paths(kinds),
        "components": {"schemas": definitions(kinds, V3)},
    }


def document_v2(kinds: Iterable[Kind]) -> Obj:
    """The one document of everything."""
    kinds = list(kinds)
    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": KUBERNETES_VERSION},
        "paths": {p: _v2_path(item) for p, item in paths(kinds, V2).items()},
        "definitions": definitions(kinds, V2),
    }


def _v2_path(item: Obj) -> Obj:
    out: Obj = {}
    for key, value in item.items():
        if key == "parameters":
            out[key] = [_v2_parameter(p) for p in value]
            continue
        operation = {k: v for k, v in value.items() if k != "requestBody"}
        operation["parameters"] = [_v2_parameter(p) for p in value["parameters"]]
        body: Any = value.get("requestBody")
        if body:
            inner = next(iter(body["content"].values()))["schema"]
            operation["parameters"].append({"name": "body", "in": "body", "required": True, "schema": inner})
            if key == "patch":
                operation["consumes"] = list(body["content"])
        ok = value["responses"]["200"]
        schema_ = ok["content"]["application/json"]["schema"]
        operation["responses"] = {
            "200": {"description": "OK", "schema": schema_},
            "401": {"description": "Unauthorized"},
        }
        out[key] = operation
    return out


def _v2_parameter(parameter: Obj) -> Obj:
    out = {k: v for k, v in parameter.items() if k != "schema"}
    return {**out, "type": parameter["schema"]["type"], "uniqueItems": True}
