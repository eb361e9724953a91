"""Which admission policies and bindings are valid.

Source: Kubernetes `pkg/apis/admissionregistration/validation`.
"""

from __future__ import annotations

from minikctl.api.errors import field_duplicate, field_forbidden, field_invalid, field_not_supported, field_required
from minikctl.api.meta import Obj
from minikctl.api.names import c_identifier, dns_subdomain
from minikctl.api.policy import expressions
from minikctl.api.validation import label_selector
from minikctl.api.validation.common import Errors
from minikctl.api.validation.webhooks import (
    FAILURE_POLICIES,
    MATCH_POLICIES,
    default_rules,
    match_conditions,
    rule,
    supported,
)

ACTIONS = ["Audit", "Deny", "Warn"]
REASONS = ["Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"]
PATCH_TYPES = ["ApplyConfiguration", "JSONPatch"]


def default_match(match: Obj | None) -> None:
    """Fill in matchConstraints or matchResources."""
    if match is None:
        return
    match.setdefault("matchPolicy", "Equivalent")
    match.setdefault("namespaceSelector", {})
    match.setdefault("objectSelector", {})
    default_rules(match.get("resourceRules"))
    default_rules(match.get("excludeResourceRules"))


def default_policy(obj: Obj) -> None:
    obj["spec"].setdefault("failurePolicy", "Fail")
    default_match(obj["spec"].get("matchConstraints"))


def default_binding(obj: Obj) -> None:
    default_match(obj["spec"].get("matchResources"))


def validate_policy(obj: Obj, *, mutating: bool) -> Errors:
    spec = obj.get("spec") or {}
    errors = supported(spec.get("failurePolicy"), FAILURE_POLICIES, "spec.failurePolicy")
    if spec.get("failurePolicy") is None:
        errors.append(field_required("spec.failurePolicy"))
    errors += _param_kind(spec.get("paramKind"), "spec.paramKind")
    match = spec.get("matchConstraints")
    if match is None:
        errors.append(field_required("spec.matchConstraints"))
    else:
        errors += _match(match, "spec.matchConstraints")
        if not match.get("resourceRules"):
            errors.append(field_required("spec.matchConstraints.resourceRules"))
    errors += match_conditions(spec.get("matchConditions"), "spec.matchConditions")
    errors += _variables(spec.get("variables") or [])
    errors += _mutations(spec) if mutating else _validations(spec)
    return errors + expressions.of_policy(spec, mutating=mutating)


def _param_kind(kind: Obj | None, at: str) -> Errors:
    if kind is None:
        return []
    errors: Errors = []
    version, name = kind.get("apiVersion") or "", kind.get("kind") or ""
    if not version:
        errors.append(field_required(f"{at}.apiVersion"))
    elif version.count("/") > 1:
        errors.append(field_invalid(f"{at}.apiVersion", version, f"unexpected GroupVersion string: {version}"))
    if not name:
        errors.append(field_required(f"{at}.kind"))
    return errors


def _match(match: Obj, at: str) -> Errors:
    errors: Errors = []
    for field in ("namespaceSelector", "objectSelector"):
        if match.get(field) is None:
            errors.append(field_required(f"{at}.{field}"))
        errors += label_selector.validate(match.get(field), f"{at}.{field}")
    for field in ("resourceRules", "excludeResourceRules"):
        for i, entry in enumerate(match.get(field) or []):
            errors += rule(entry, f"{at}.{field}[{i}]")
    if match.get("matchPolicy") is None:
        errors.append(field_required(f"{at}.matchPolicy"))
    return errors + supported(match.get("matchPolicy"), MATCH_POLICIES, f"{at}.matchPolicy")


def _variables(variables: list[Obj]) -> Errors:
    errors: Errors = []
    names: set[str] = set()
    for i, variable in enumerate(variables):
        at, name = f"spec.variables[{i}]", variable.get("name") or ""
        if not name:
            errors.append(field_required(f"{at}.name", "name is not specified"))
        elif not c_identifier(name):
            errors.append(field_invalid(f"{at}.name", name, "name is not a valid CEL identifier"))
        if name in names:
            errors.append(field_duplicate(f"{at}.name", name))
        names.add(name)
        if not (variable.get("expression") or "").strip():
            errors.append(field_required(f"{at}.expression", "expression is not specified"))
    return errors


def _validations(spec: Obj) -> Errors:
    validations, audits = spec.get("validations") or [], spec.get("auditAnnotations") or []
    errors: Errors = []
    if not validations and not audits:
        why = "validations or auditAnnotations must contain at least one item"
        errors += [field_required("spec.validations", why), field_required("spec.auditAnnotations", why)]
    for i, validation in enumerate(validations):
        at, message = f"spec.validations[{i}]", validation.get("message") or ""
        if not (validation.get("expression") or "").strip():
            errors.append(field_required(f"{at}.expression", "expression is not specified"))
        if message and not message.strip():
            errors.append(field_invalid(f"{at}.message", message, "message must be non-empty if specified"))
        elif "\n" in message.strip():
            errors.append(field_invalid(f"{at}.message", message, "message must not contain line breaks"))
        errors += supported(validation.get("reason"), REASONS, f"{at}.reason")
    for i, audit in enumerate(audits):
        for field, name in (("key", "key"), ("valueExpression", "valueExpression")):
            if not (audit.get(field) or "").strip():
                errors.append(field_required(f"spec.auditAnnotations[{i}].{name}"))
    return errors


def _mutations(spec: Obj) -> Errors:
    mutations, policy = spec.get("mutations") or [], spec.get("reinvocationPolicy") or ""
    errors: Errors = []
    if not mutations:
        errors.append(field_required("spec.mutations", "mutations must contain at least one item"))
    for i, mutation in enumerate(mutations):
        at, kind = f"spec.mutations[{i}]", mutation.get("patchType") or ""
        if kind not in PATCH_TYPES:
            errors.append(field_not_supported(f"{at}.patchType", kind, PATCH_TYPES))
            continue
        field, other = (
            ("jsonPatch", "applyConfiguration") if kind == "JSONPatch" else ("applyConfiguration", "jsonPatch")
        )
        if not ((mutation.get(field) or {}).get("expression") or "").strip():
            errors.append(field_required(f"{at}.{field}", f"must be specified when patchType is {kind}"))
        if mutation.get(other) is not None:
            errors.append(field_forbidden(f"{at}.{other}", f"must not be specified when patchType is {kind}"))
    if not policy:
        errors.append(field_required("spec.reinvocationPolicy"))
    elif policy not in ("IfNeeded", "Never"):
        errors.append(field_not_supported("spec.reinvocationPolicy", policy, ["IfNeeded", "Never"]))
    return errors


def validate_binding(obj: Obj, *, mutating: bool) -> Errors:
    spec = obj.get("spec") or {}
    policy = spec.get("policyName") or ""
    errors: Errors = []
    if not policy:
        errors.append(field_required("spec.policyName"))
    else:
        errors += [field_invalid("spec.policyName", policy, m) for m in dns_subdomain(policy)]
    errors += _param_ref(spec.get("paramRef"), "spec.paramRef")
    if spec.get("matchResources") is not None:
        errors += _match(spec["matchResources"], "spec.matchResources")
    return errors + ([] if mutating else _actions(spec.get("validationActions") or []))


def _param_ref(ref: Obj | None, at: str) -> Errors:
    if ref is None:
        return []
    name, selector, action = ref.get("name") or "", ref.get("selector"), ref.get("parameterNotFoundAction")
    errors: Errors = []
    if name:
        errors += [field_invalid(f"{at}.name", name, m) for m in dns_subdomain(name)]
        if selector is not None:
            errors.append(field_forbidden(f"{at}.name", "name and selector are mutually exclusive"))
    if selector is not None:
        errors += label_selector.validate(selector, f"{at}.selector")
        if name:
            errors.append(field_forbidden(f"{at}.selector", "name and selector are mutually exclusive"))
    if not name and selector is None:
        errors.append(field_required(at, "one of name or selector must be specified"))
    if action is None:
        errors.append(field_required(f"{at}.parameterNotFoundAction"))
    return errors + supported(action, ["Allow", "Deny"], f"{at}.parameterNotFoundAction")


def _actions(actions: list[str]) -> Errors:
    at = "spec.validationActions"
    if not actions:
        return [field_required(at, "at least one validation action is required")]
    errors: Errors = []
    for i, action in enumerate(actions):
        if action not in ACTIONS:
            errors.append(field_not_supported(f"{at}[{i}]", action, ACTIONS))
        if action in actions[:i]:
            errors.append(field_duplicate(f"{at}[{i}]", action))
    if {"Deny", "Warn"} <= set(actions):
        why = "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)"
        errors.append(field_invalid(at, actions, why))
    return errors


def param_ref_text(ref: Obj | None) -> str:
    """The ParamRef column."""
    if ref is None:
        return "<unset>"
    if ref.get("name"):
        return "/".join(p for p in (ref.get("namespace"), ref["name"]) if p)
    from minikctl.api.selectors import format_label_selector

    return format_label_selector(ref.get("selector")) if ref.get("selector") is not None else "<unset>"
