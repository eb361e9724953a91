"""The paths of OpenAPI documents: which operations each resource has. Pure functions of the kinds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.api.openapi.custom import custom_name
from minikctl.api.openapi.definitions import V3, definition_name

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
        "x-kubernetes-group-version-kind": {"group": kind.group, "kind": kind.kind, "version": kind.version},
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


def v2_path(item: Obj) -> Obj:
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
