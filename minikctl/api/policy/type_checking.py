"""Type checking of ValidatingAdmissionPolicies: what their expressions say about fields that the matched kinds have not.

A policy is stored as long as its expressions compile with objects of any shape. Afterwards they are checked against the
kinds that its rules name one by one, and what does not fit is noted in the policy's status. Pure, but for the CEL
runtime. Parameters are not checked. Source: apiserver `admission/plugin/policy/validating/typechecking.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from minikctl.api import schema
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.api.policy import expressions

MOST_KINDS = 10
ANYTHING: Obj = {"x-kubernetes-int-or-string": True}
"""The structural schema of what can be of any type."""
_SCALARS: dict[str, Obj] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "int32": {"type": "integer"},
    "int64": {"type": "integer"},
    "float64": {"type": "number"},
    "bytes": {"type": "string", "format": "byte"},
    "Quantity": {"type": "string"},
    "Duration": {"type": "string"},
    "Time": {"type": "string", "format": "date-time"},
    "MicroTime": {"type": "string", "format": "date-time"},
}


def warnings(policy: Obj, kinds: Callable[[str, str, str], Kind | None]) -> list[Obj]:
    """The ExpressionWarnings of a policy. `kinds(group, version, resource)` finds what is served."""
    spec = policy.get("spec") or {}
    checked = matched_kinds((spec.get("matchConstraints") or {}).get("resourceRules") or [], kinds)
    found: list[Obj] = []
    for i, validation in enumerate(spec.get("validations") or []):
        for field in ("expression", "messageExpression"):
            expression = validation.get(field) or ""
            texts = [t for k in checked if (t := _misfit(expression, k, spec))] if expression else []
            if texts:
                found.append({"fieldRef": f"spec.validations[{i}].{field}", "warning": "\n".join(texts)})
    return found


def matched_kinds(rules: Iterable[Obj], kinds: Callable[[str, str, str], Kind | None]) -> list[Kind]:
    """The kinds that rules name exactly, sorted; those with wildcards say nothing about types."""
    found: dict[tuple[str, str, str], Kind] = {}
    for rule in rules:
        groups, versions = rule.get("apiGroups") or [], rule.get("apiVersions") or []
        if any("*" in word for word in (*groups, *versions)):
            continue
        for group in sorted(groups):
            for version in sorted(versions):
                for resource in sorted(r for r in rule.get("resources") or [] if not {"*", "/"} & set(r)):
                    kind = kinds(group, version, resource)
                    if kind is not None and len(found) < MOST_KINDS:
                        found[kind.group, kind.version, kind.kind] = kind
    return [found[key] for key in sorted(found)]


def _misfit(expression: str, kind: Kind, spec: Obj) -> str:
    """Why an expression does not fit a kind, headed by the kind; "" when it does."""
    type_ = object_type(kind)
    if type_ is None:
        return ""
    known = {**expressions.types(params=spec.get("paramKind") is not None), "object": type_, "oldObject": type_}
    names = [v.get("name") or "" for v in spec.get("variables") or []]
    problem = expressions.problem(expression, known, variables=names).removeprefix("compilation failed: ")
    return f"{kind.api_version}, Kind={kind.kind}: {problem}\n" if problem else ""


def object_type(kind: Kind) -> Any:
    """The CEL type of a kind's objects; None when its structure is not known."""
    if kind.type:
        return _built_in(kind.type)
    return _declared(kind.openapi_schema or {}) if kind.openapi_schema else None


@lru_cache(maxsize=32)
def _built_in(type_name: str) -> Any:
    from minikctl.api.cel import types

    return types.declare(structural(type_name), root=False)


def _declared(openapi: Obj) -> Any:
    from minikctl.api.cel import types

    head = {name: structural(name) for name in ("meta/v1.ObjectMeta",)}
    whole = {**(openapi.get("properties") or {}), "metadata": head["meta/v1.ObjectMeta"]}
    whole |= {"apiVersion": _SCALARS["string"], "kind": _SCALARS["string"]}
    return types.declare({**openapi, "properties": whole}, root=False)


def structural(type_name: str, above: tuple[str, ...] = ()) -> Obj:
    """The structural schema of a built-in type; what contains itself is open from there on."""
    if type_name in _SCALARS:
        return _SCALARS[type_name]
    if type_name.startswith("[]"):
        return {"type": "array", "items": structural(type_name[2:], above)}
    if type_name.startswith("map[string]"):
        return {"type": "object", "additionalProperties": structural(type_name[11:], above)}
    if "/" not in type_name or type_name in above or not schema.exists(type_name):
        return ANYTHING
    fields = schema.get(type_name).fields
    return {"type": "object", "properties": {n: structural(f.type, (*above, type_name)) for n, f in fields.items()}}
