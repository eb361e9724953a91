"""Which FlowSchemas and PriorityLevelConfigurations are valid. Source: Kubernetes `pkg/apis/flowcontrol/validation`."""

from __future__ import annotations

from minikctl.api.errors import field_forbidden, field_invalid, field_not_supported, field_required
from minikctl.api.meta import Obj
from minikctl.api.names import dns_subdomain
from minikctl.api.validation.common import Errors

HIGHEST_PRECEDENCE = 10000
MAX_QUEUES = 10 * 1000 * 1000
SUBJECTS = ["ServiceAccount", "User", "Group"]


def validate_schema(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    errors: Errors = []
    precedence = spec.get("matchingPrecedence", 0)
    if precedence <= 0:
        errors.append(field_invalid("spec.matchingPrecedence", precedence, "must be a positive value"))
    if precedence > HIGHEST_PRECEDENCE:
        why = f"must not be greater than {HIGHEST_PRECEDENCE}"
        errors.append(field_invalid("spec.matchingPrecedence", precedence, why))
    method = spec.get("distinguisherMethod")
    if method is not None and method.get("type") not in ("ByNamespace", "ByUser"):
        errors.append(
            field_not_supported("spec.distinguisherMethod.type", method.get("type", ""), ["ByNamespace", "ByUser"])
        )
    level = (spec.get("priorityLevelConfiguration") or {}).get("name") or ""
    at = "spec.priorityLevelConfiguration.name"
    if level:
        errors += [field_invalid(at, level, m) for m in dns_subdomain(level)]
    else:
        errors.append(field_required(at, "must reference a priority level"))
    for i, rule in enumerate(spec.get("rules") or []):
        errors += _rule(rule, f"spec.rules[{i}]")
    return errors


def _rule(rule: Obj, at: str) -> Errors:
    errors: Errors = []
    if not rule.get("subjects"):
        errors.append(field_required(f"{at}.subjects", "subjects must contain at least one value"))
    for i, subject in enumerate(rule.get("subjects") or []):
        kind = subject.get("kind", "")
        if kind not in SUBJECTS:
            errors.append(field_not_supported(f"{at}.subjects[{i}].kind", kind, SUBJECTS))
            continue
        field = kind[0].lower() + kind[1:]
        if subject.get(field) is None:
            why = f"{field} is required when subject kind is '{kind}'"
            errors.append(field_required(f"{at}.subjects[{i}].{field}", why))
    if not rule.get("resourceRules") and not rule.get("nonResourceRules"):
        errors.append(field_required(at, "at least one of resourceRules and nonResourceRules has to be non-empty"))
    for field, needed in (
        ("resourceRules", ("verbs", "apiGroups", "resources")),
        ("nonResourceRules", ("verbs", "nonResourceURLs")),
    ):
        for i, entry in enumerate(rule.get(field) or []):
            errors += [field_required(f"{at}.{field}[{i}].{n}") for n in needed if not entry.get(n)]
    return errors


def validate_level(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    kind, limited = spec.get("type", ""), spec.get("limited")
    if kind == "Exempt":
        why = "must be nil if the type is not Limited"
        return [field_forbidden("spec.limited", why)] if limited is not None else []
    if kind != "Limited":
        return [field_not_supported("spec.type", kind, ["Exempt", "Limited"])]
    if limited is None:
        return [field_required("spec.limited", "must not be empty when type is Limited")]
    errors: Errors = []
    shares, percent = limited.get("nominalConcurrencyShares", 0), limited.get("lendablePercent", 0)
    if shares < 0:
        errors.append(field_invalid("spec.limited.nominalConcurrencyShares", shares, "must be a non-negative integer"))
    if not 0 <= percent <= 100:
        errors.append(field_invalid("spec.limited.lendablePercent", percent, "must be between 0 and 100, inclusive"))
    return errors + _response(limited.get("limitResponse") or {}, "spec.limited.limitResponse")


def _response(response: Obj, at: str) -> Errors:
    kind, queuing = response.get("type", ""), response.get("queuing")
    if kind == "Reject":
        why = "must be nil if limited.limitResponse.type is not Limited"
        return [field_forbidden(f"{at}.queuing", why)] if queuing is not None else []
    if kind != "Queue":
        return [field_not_supported(f"{at}.type", kind, ["Queue", "Reject"])]
    if queuing is None:
        return [field_required(f"{at}.queuing", "must not be empty if limited.limitResponse.type is Limited")]
    errors: Errors = []
    queues, hand, length = (queuing.get(f, 0) for f in ("queues", "handSize", "queueLengthLimit"))
    if length <= 0:
        errors.append(field_invalid(f"{at}.queuing.queueLengthLimit", length, "must be positive"))
    if queues <= 0:
        errors.append(field_invalid(f"{at}.queuing.queues", queues, "must be positive"))
    elif queues > MAX_QUEUES:
        errors.append(field_invalid(f"{at}.queuing.queues", queues, f"must not be greater than {MAX_QUEUES}"))
    if hand <= 0:
        errors.append(field_invalid(f"{at}.queuing.handSize", hand, "must be positive"))
    elif hand > queues:
        why = f"should not be greater than queues ({queues})"
        errors.append(field_invalid(f"{at}.queuing.handSize", hand, why))
    return errors
