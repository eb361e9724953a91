"""Which x-kubernetes-validations a schema may have: they are complete, and they compile against its types.

Source: apiextensions-apiserver `pkg/apis/apiextensions/validation`, `pkg/apiserver/schema/cel/compilation.go`.
"""

from __future__ import annotations

import re
from typing import Any

from minikctl.api.crd import paths
from minikctl.api.errors import FieldError, field_invalid, field_not_supported, field_required
from minikctl.api.validation.common import Errors
from minikctl.util.jsonio import go_json

Schema = dict[str, Any]
RULES = "x-kubernetes-validations"
REASONS = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"]
_LINE_BREAK = re.compile(r"[\n\r]")


def validate(s: Schema, path: str) -> Errors:
    """Errors that can be seen without compiling."""
    errors: Errors = []
    for i, rule in enumerate(s.get(RULES) or []):
        errors += _rule(s, rule, f"{path}.{RULES}[{i}]")
    return errors


def _rule(s: Schema, rule: Schema, at: str) -> Errors:
    errors: Errors = []
    text, message = (rule.get("rule") or "").strip(), rule.get("message") or ""
    if not text:
        errors.append(field_required(f"{at}.rule", "rule is not specified"))
    elif message and not message.strip():
        errors.append(field_invalid(f"{at}.message", message, "must be non-empty if specified"))
    elif _LINE_BREAK.search(message.strip()):
        errors.append(field_invalid(f"{at}.message", message, "must not contain line breaks"))
    elif _LINE_BREAK.search(text) and not message.strip():
        errors.append(field_required(f"{at}.message", "message must be specified if rule contains line breaks"))
    expression = rule.get("messageExpression") or ""
    if expression and not expression.strip():
        errors.append(field_required(f"{at}.messageExpression", "messageExpression must be non-empty if specified"))
    if rule.get("reason") is not None and rule["reason"] not in REASONS:
        errors.append(field_not_supported(f"{at}.reason", rule["reason"], REASONS))
    return errors + _field_path(s, rule.get("fieldPath") or "", f"{at}.fieldPath")


def _field_path(s: Schema, given: str, at: str) -> Errors:
    errors: Errors = []
    if not given:
        return errors
    if not given.strip():
        errors.append(field_invalid(at, given, "must be non-empty if specified"))
    if _LINE_BREAK.search(given):
        errors.append(field_invalid(at, given, "must not contain line breaks"))
    try:
        paths.find(s, given)
    except paths.PathError:
        errors.append(field_invalid(at, given, "must be a valid path"))
    return errors


def compile_all(s: Schema, path: str, *, root: bool, uncorrelatable: str) -> Errors:
    """Errors of compiling the rules of one place in a schema."""
    rules = s.get(RULES) or []
    if not rules:
        return []
    from minikctl.api.cel import types

    self_type = types.declare(s, root=types.is_rooted(s, root=root))
    errors: Errors = []
    for i, rule in enumerate(rules):
        errors += _compiled(rule, self_type, f"{path}.{RULES}[{i}]", uncorrelatable)
    return errors


def _compiled(rule: Schema, self_type: Any, at: str, uncorrelatable: str) -> Errors:
    from minikctl.api import cel

    variables = {"self": self_type, "oldSelf": "dyn" if rule.get("optionalOldSelf") else self_type}
    try:
        program = cel.compile(rule["rule"], variables)
    except cel.CompileError as e:
        return [_invalid(f"{at}.rule", rule, f"compilation failed: {e}")]
    if program.result != "bool":
        return [_invalid(f"{at}.rule", rule, "cel expression must evaluate to a bool")]
    errors: Errors = []
    if rule.get("messageExpression"):
        errors += _message_expression(rule, variables, at)
    if program.uses("oldSelf"):
        if uncorrelatable:
            why = f"oldSelf cannot be used on the uncorrelatable portion of the schema within {uncorrelatable}"
            errors.append(field_invalid(f"{at}.rule", rule["rule"], why))
    elif rule.get("optionalOldSelf") is not None:
        why = "may not be set if oldSelf is not used in rule"
        errors.append(field_invalid(f"{at}.optionalOldSelf", rule["optionalOldSelf"], why))
    return errors


def _message_expression(rule: Schema, variables: dict[str, Any], at: str) -> Errors:
    from minikctl.api import cel

    try:
        if cel.compile(rule["messageExpression"], variables).result == "string":
            return []
        why = "messageExpression must evaluate to a string"
    except cel.CompileError as e:
        why = f"messageExpression compilation failed: {e}"
    return [_invalid(f"{at}.messageExpression", rule, why)]


def _invalid(field: str, rule: Schema, why: str) -> FieldError:
    """With the whole rule, as the server's own type shows it."""
    shown = {
        "Rule": rule.get("rule") or "",
        "Message": rule.get("message") or "",
        "MessageExpression": rule.get("messageExpression") or "",
        "Reason": rule.get("reason"),
        "FieldPath": rule.get("fieldPath") or "",
        "OptionalOldSelf": rule.get("optionalOldSelf"),
    }
    return FieldError("FieldValueInvalid", field, why, go_json(shown))
