"""Where a pod may run: affinity, tolerations, taints, topology spread, gates.

Source: Kubernetes `validateAffinity`, `ValidateTolerations`, `validateNodeTaints`, `validateTopologySpreadConstraints`.
"""

from __future__ import annotations

from minikctl.api.errors import (
    FieldError,
    field_duplicate,
    field_forbidden,
    field_invalid,
    field_not_supported,
    field_required,
)
from minikctl.api.meta import Obj
from minikctl.api.names import dns_label, dns_subdomain, label_value
from minikctl.api.validation import label_selector
from minikctl.api.validation.common import Errors, all_invalid, qualified
from minikctl.util.jsonio import go_json

EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"]
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_BAD_OPERATOR = "not a valid selector operator"
_WEIGHT = "must be in the range 1-100"
_POLICIES = ["Honor", "Ignore"]
_UNSATISFIABLE = ["DoNotSchedule", "ScheduleAnyway"]


# ---------------------------------------------------------------------- affinity


def affinity(value: Obj | None, path: str) -> Errors:
    if value is None:
        return []
    errors: Errors = []
    node = value.get("nodeAffinity")
    if node is not None:
        errors += node_affinity(node, f"{path}.nodeAffinity")
    for kind in ("podAffinity", "podAntiAffinity"):
        if value.get(kind) is not None:
            errors += _pod_affinity(value[kind], f"{path}.{kind}")
    return errors


def node_affinity(value: Obj, path: str) -> Errors:
    errors: Errors = []
    if value.get(_REQUIRED) is not None:
        errors += node_selector(value[_REQUIRED], f"{path}.{_REQUIRED}")
    for i, preferred in enumerate(value.get(_PREFERRED) or []):
        at = f"{path}.{_PREFERRED}[{i}]"
        errors += _weight(preferred, at)
        errors += _node_term(preferred.get("preference") or {}, f"{at}.preference")
    return errors


def node_selector(selector: Obj, path: str) -> Errors:
    terms = selector.get("nodeSelectorTerms") or []
    at = f"{path}.nodeSelectorTerms"
    if not terms:
        return [field_required(at, "must have at least one node selector term")]
    return [e for i, term in enumerate(terms) for e in _node_term(term, f"{at}[{i}]")]


def _node_term(term: Obj, path: str) -> Errors:
    errors: Errors = []
    for i, requirement in enumerate(term.get("matchExpressions") or []):
        errors += _node_expression(requirement, f"{path}.matchExpressions[{i}]")
    for i, requirement in enumerate(term.get("matchFields") or []):
        errors += _node_field(requirement, f"{path}.matchFields[{i}]")
    return errors


def _node_expression(requirement: Obj, path: str) -> Errors:
    errors: Errors = []
    values = requirement.get("values") or []
    at = f"{path}.values"
    match requirement.get("operator"):
        case "In" | "NotIn":
            if not values:
                errors.append(field_required(at, "must be specified when `operator` is 'In' or 'NotIn'"))
        case "Exists" | "DoesNotExist":
            if values:
                errors.append(field_forbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
        case "Gt" | "Lt":
            if len(values) != 1:
                errors.append(field_required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'"))
        case operator:
            errors.append(field_invalid(f"{path}.operator", operator or "", _BAD_OPERATOR))
    errors += qualified(requirement.get("key") or "", f"{path}.key")
    for i, value in enumerate(values):
        errors += all_invalid(label_value, value, f"{path}.values[{i}]")
    return errors


def _node_field(requirement: Obj, path: str) -> Errors:
    errors: Errors = []
    values = requirement.get("values") or []
    if requirement.get("operator") in ("In", "NotIn"):
        if len(values) != 1:
            why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
            errors.append(field_required(f"{path}.values", why))
    else:
        errors.append(field_invalid(f"{path}.operator", requirement.get("operator") or "", _BAD_OPERATOR))
    if requirement.get("key") != "metadata.name":
        key = requirement.get("key") or ""
        return [*errors, field_invalid(f"{path}.key", key, "not a valid field selector key")]
    for i, value in enumerate(values):
        errors += all_invalid(dns_subdomain, value, f"{path}.values[{i}]")
    return errors


def _weight(owner: Obj, path: str) -> Errors:
    weight = owner.get("weight") or 0
    return [] if 1 <= weight <= 100 else [field_invalid(f"{path}.weight", weight, _WEIGHT)]


def _pod_affinity(value: Obj, path: str) -> Errors:
    errors: Errors = []
    for i, term in enumerate(value.get(_REQUIRED) or []):
        errors += _pod_term(term, f"{path}.{_REQUIRED}[{i}]")
    for i, weighted in enumerate(value.get(_PREFERRED) or []):
        at = f"{path}.{_PREFERRED}[{i}]"
        errors += _weight(weighted, at)
        errors += _pod_term(weighted.get("podAffinityTerm") or {}, f"{at}.podAffinityTerm")
    return errors


def _pod_term(term: Obj, path: str) -> Errors:
    selector = term.get("labelSelector")
    errors = label_selector.validate(selector, f"{path}.labelSelector")
    errors += label_selector.validate(term.get("namespaceSelector"), f"{path}.namespaceSelector")
    for name in term.get("namespaces") or []:
        errors += all_invalid(dns_label, name, f"{path}.namespace")
    match, mismatch = term.get("matchLabelKeys") or [], term.get("mismatchLabelKeys") or []
    for field, keys in (("matchLabelKeys", match), ("mismatchLabelKeys", mismatch)):
        errors += _label_keys(keys, selector, f"{path}.{field}")
    for i, key in enumerate(match):
        if key in mismatch:
            why = "exists in both matchLabelKeys and mismatchLabelKeys"
            errors.append(field_invalid(f"{path}.matchLabelKeys[{i}]", key, why))
    topology = term.get("topologyKey") or ""
    if not topology:
        errors.append(field_required(f"{path}.topologyKey", "can not be empty"))
    return errors + qualified(topology, f"{path}.topologyKey")


def _label_keys(keys: list[str], selector: Obj | None, path: str) -> Errors:
    if keys and selector is None:
        return [field_forbidden(path, "must not be specified when labelSelector is not set")]
    return [e for i, key in enumerate(keys) for e in qualified(key, f"{path}[{i}]")]


# ---------------------------------------------------------------------- taints and tolerations


def taint_effect(effect: str, path: str) -> Errors:
    if not effect:
        return [field_required(path)]
    return [] if effect in EFFECTS else [field_not_supported(path, effect, EFFECTS)]


def tolerations(values: list[Obj], path: str) -> Errors:
    errors: Errors = []
    for i, toleration in enumerate(values):
        at = f"{path}[{i}]"
        key, operator = toleration.get("key") or "", toleration.get("operator") or ""
        effect = toleration.get("effect") or ""
        if key:
            errors += qualified(key, f"{at}.key")
        elif operator != "Exists":
            why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            errors.append(field_invalid(f"{at}.operator", operator, why))
        if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
            why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            errors.append(field_invalid(f"{at}.effect", effect, why))
        errors += _toleration_value(toleration, operator, at)
        if effect:
            errors += taint_effect(effect, f"{at}.effect")
    return errors


def _toleration_value(toleration: Obj, operator: str, path: str) -> Errors:
    at, value = f"{path}.operator", toleration.get("value") or ""
    match operator:
        case "" | "Equal":
            problems = label_value(value)
            return [field_invalid(at, value, ";".join(problems))] if problems else []
        case "Exists":
            why = "value must be empty when `operator` is 'Exists'"
            return [FieldError("FieldValueInvalid", at, why, _internal(toleration))] if value else []
    return [field_not_supported(at, operator, ["Equal", "Exists"])]


def _internal(toleration: Obj) -> str:
    """As the server's internal type prints: Go's field names, all of them."""
    fields = {"Key": "", "Operator": "", "Value": "", "Effect": ""}
    shown = {name: toleration.get(name.lower()) or "" for name in fields}
    return go_json({**shown, "TolerationSeconds": toleration.get("tolerationSeconds")})


def taints(values: list[Obj], path: str) -> Errors:
    errors: Errors = []
    seen: set[tuple[str, str]] = set()
    for i, taint in enumerate(values):
        at = f"{path}[{i}]"
        key, effect, value = taint.get("key") or "", taint.get("effect") or "", taint.get("value") or ""
        errors += qualified(key, f"{at}.key")
        problems = label_value(value)
        if problems:
            errors.append(field_invalid(f"{at}.value", value, ";".join(problems)))
        errors += taint_effect(effect, f"{at}.effect")
        if (key, effect) in seen:
            shown = go_json({"Key": key, "Value": value, "Effect": effect, "TimeAdded": taint.get("timeAdded")})
            why = "taints must be unique by key and effect pair"
            errors.append(FieldError("FieldValueDuplicate", at, why, shown))
        seen.add((key, effect))
    return errors


# ---------------------------------------------------------------------- topology spread


def topology_spread(constraints: list[Obj], path: str) -> Errors:
    errors: Errors = []
    for i, constraint in enumerate(constraints):
        at = f"{path}[{i}]"
        skew, key, action = (
            constraint.get("maxSkew") or 0,
            constraint.get("topologyKey") or "",
            constraint.get("whenUnsatisfiable") or "",
        )
        if skew <= 0:
            errors.append(field_invalid(f"{at}.maxSkew", skew, "must be greater than zero"))
        if not key:
            errors.append(field_required(f"{at}.topologyKey", "can not be empty"))
        if action not in _UNSATISFIABLE:
            errors.append(field_not_supported(f"{at}.whenUnsatisfiable", action, _UNSATISFIABLE))
        for other in constraints[i + 1 :]:
            if (other.get("topologyKey"), other.get("whenUnsatisfiable")) == (key, action):
                errors.append(field_duplicate(f"{at}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {action}}}"))
                break
        errors += _min_domains(constraint, action, f"{at}.minDomains")
        for field in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            if constraint.get(field) is not None and constraint[field] not in _POLICIES:
                errors.append(field_not_supported(f"{at}.{field}", constraint[field], _POLICIES))
        errors += _spread_keys(constraint, f"{at}.matchLabelKeys")
        errors += label_selector.validate(constraint.get("labelSelector"), f"{at}.labelSelector")
    return errors


def _min_domains(constraint: Obj, action: str, path: str) -> Errors:
    domains = constraint.get("minDomains")
    if domains is None:
        return []
    errors = [field_invalid(path, domains, "must be greater than zero")] if domains <= 0 else []
    if action != "DoNotSchedule":
        why = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
        errors.append(field_invalid(path, domains, why))
    return errors


def _spread_keys(constraint: Obj, path: str) -> Errors:
    keys, selector = constraint.get("matchLabelKeys") or [], constraint.get("labelSelector")
    if not keys:
        return []
    errors: Errors = []
    if selector is None:
        errors.append(field_forbidden(path, "must not be specified when labelSelector is not set"))
    for i, key in enumerate(keys):
        errors += qualified(key, f"{path}[{i}]")
        if key in ((selector or {}).get("matchLabels") or {}):
            errors.append(field_invalid(f"{path}[{i}]", key, "exists in both matchLabelKeys and labelSelector"))
    return errors


def gates(values: list[Obj], path: str) -> Errors:
    """Scheduling gates: distinct qualified names."""
    errors: Errors = []
    seen: set[str] = set()
    for i, gate in enumerate(values):
        name = gate.get("name") or ""
        errors += qualified(name, f"{path}[{i}]")
        if name in seen:
            errors.append(field_duplicate(f"{path}[{i}]", name))
        seen.add(name)
    return errors
