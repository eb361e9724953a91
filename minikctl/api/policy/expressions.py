"""The CEL expressions of admission policies and of webhooks' matchConditions: their variables, and whether they compile.

Source: apiserver `admission/plugin/cel/compile.go`; concept "Validating Admission Policy".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from minikctl.api.errors import FieldError, field_invalid
from minikctl.api.meta import Obj
from minikctl.api.policy.object_literals import LiteralError, as_maps

Types = Mapping[str, Any]
_STRINGS = re.compile(r"""r?(\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""", re.S)
_VARIABLE = re.compile(r"(?<![\w.])variables\s*\.\s*([A-Za-z_]\w*)")


def types(*, params: bool = False, authorizer: bool = True, policy: bool = True) -> Types:
    """The variables that an expression has. `policy`: those that policies have and webhooks have not."""
    found = {"object": "dyn", "oldObject": "dyn", "request": "dyn"}
    if authorizer:
        found |= {"authorizer": "authorizer", "authorizer.requestResource": "resource_check"}
    if policy:
        found |= {"namespaceObject": "dyn", "variables": "dyn"}
    if params:
        found["params"] = "dyn"
    return found


def referenced(expression: str) -> list[str]:
    """The names of the policy's own variables that an expression mentions."""
    return list(dict.fromkeys(m[1] for m in _VARIABLE.finditer(_without_strings(expression))))


def _without_strings(expression: str) -> str:
    """The same length, with the texts blanked."""
    return _STRINGS.sub(lambda m: "'" + " " * (len(m[0]) - 2) + "'", expression)


def problem(expression: str, known: Types, returns: tuple[str, ...] = (), variables: Iterable[str] = ()) -> str:
    """What is wrong with an expression, "" when nothing is. `returns`: the types that it may have."""
    from minikctl.api import cel

    try:
        text = as_maps(expression)
    except LiteralError as e:
        return f"type mismatch: {e}"
    try:
        result = cel.compile(text, known).result.replace("null_type", "null")
    except cel.CompileError as e:
        return f"compilation failed: {e}"
    unknown = _unknown_variable(expression, variables) if "variables" in known else ""
    if unknown:
        return f"compilation failed: {unknown}"
    if returns and result != "dyn" and not any(result == r or result.startswith(f"{r}<") for r in returns):
        wanted = returns[0] if len(returns) == 1 else f"one of [{' '.join(returns)}]"
        return f"must evaluate to {wanted} but got {result}"
    return ""


def _unknown_variable(expression: str, variables: Iterable[str]) -> str:
    names = set(variables)
    for match in _VARIABLE.finditer(_without_strings(expression)):
        if match[1] not in names:
            lines = expression[: match.start(1)].split("\n")
            line = expression.split("\n")[len(lines) - 1]
            column = len(lines[-1]) - 1
            where = f"{len(lines)}:{column + 1}"
            return f"ERROR: <input>:{where}: undefined field '{match[1]}'\n | {line}\n | {'.' * column}^"
    return ""


# ---------------------------------------------------------------------- validation of what is stored


def errors(expression: str, path: str, *rest: Any, **more: Any) -> list[FieldError]:
    """`problem` as field errors; nothing for an expression that is missing: others say so."""
    if not expression.strip():
        return []
    detail = problem(expression, *rest, **more)
    return [field_invalid(path, expression, detail)] if detail else []


def of_conditions(conditions: list[Obj] | None, path: str, known: Types) -> list[FieldError]:
    return [
        e
        for i, c in enumerate(conditions or [])
        for e in errors(c.get("expression") or "", f"{path}[{i}].expression", known, ("bool",))
    ]


def of_policy(spec: Obj, *, mutating: bool) -> list[FieldError]:
    """All expressions of a policy."""
    params = spec.get("paramKind") is not None
    known = types(params=params)
    found = of_conditions(spec.get("matchConditions"), "spec.matchConditions", types(params=params, policy=False))
    names: list[str] = []
    for i, variable in enumerate(spec.get("variables") or []):
        found += errors(variable.get("expression") or "", f"spec.variables[{i}].expression", known, variables=names)
        names.append(variable.get("name") or "")
    if mutating:
        return found + _mutations(spec, known, names)
    quiet = types(params=params, authorizer=False)
    for i, validation in enumerate(spec.get("validations") or []):
        at = f"spec.validations[{i}]"
        found += errors(validation.get("expression") or "", f"{at}.expression", known, ("bool",), names)
        said = validation.get("messageExpression") or ""
        found += errors(said, f"{at}.messageExpression", quiet, ("string",), names)
    for i, note in enumerate(spec.get("auditAnnotations") or []):
        at = f"spec.auditAnnotations[{i}].valueExpression"
        found += errors(note.get("valueExpression") or "", at, known, ("string", "null"), names)
    return found


def _mutations(spec: Obj, known: Types, names: list[str]) -> list[FieldError]:
    found: list[FieldError] = []
    for i, mutation in enumerate(spec.get("mutations") or []):
        for field, returns in (("jsonPatch", ("list",)), ("applyConfiguration", ("map",))):
            expression = (mutation.get(field) or {}).get("expression") or ""
            found += errors(expression, f"spec.mutations[{i}].{field}.expression", known, returns, names)
    return found
