"""Which LimitRanges and ResourceQuotas are valid. Source: Kubernetes `pkg/apis/core/validation`."""

from __future__ import annotations

from minikctl.api import quantity
from minikctl.api.errors import FieldError, field_duplicate, field_forbidden, field_invalid, field_required
from minikctl.api.meta import Obj
from minikctl.api.validation import resources
from minikctl.api.validation.common import IMMUTABLE, Errors, qualified

LIMIT_TYPES = ("Pod", "Container", "PersistentVolumeClaim")
EXISTS_ONLY = ("BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity")
SCOPES = (*EXISTS_ONLY, "PriorityClass", "VolumeAttributesClass")
_POD_ONLY = frozenset({"pods"})
_COMPUTE = frozenset({"cpu", "memory", "ephemeral-storage"})
_MEASURED = _COMPUTE | {f"{kind}.{name}" for kind in ("requests", "limits") for name in _COMPUTE}
_CONFLICTS = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))


def is_quota(name: str) -> bool:
    """A name without a domain that a ResourceQuota may count."""
    if name in _MEASURED or name == "requests.storage" or resources.is_huge_page(name.removeprefix("requests.")):
        return True
    return "/" not in name and resources.is_integer(name)


def is_standard(name: str) -> bool:
    """A name without a domain that Kubernetes knows."""
    return name == "storage" or is_quota(name)


# ---------------------------------------------------------------------- LimitRange


def validate_limits(obj: Obj) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for i, limit in enumerate(obj["spec"].get("limits") or []):
        at, kind = f"spec.limits[{i}]", limit.get("type", "")
        errors += qualified(kind, f"{at}.type")
        if "/" not in kind and kind not in LIMIT_TYPES:
            errors.append(field_invalid(f"{at}.type", kind, "must be a standard limit type or fully qualified"))
        if kind in seen:
            errors.append(field_duplicate(f"{at}.type", kind))
        seen.add(kind)
        errors += _limit_names(limit, kind, at)
        names = {n for part in _PARTS for n in limit.get(part) or {}}
        for name in sorted(names):
            errors += _bounds(limit, name, at)
    return errors


_PARTS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")


def _limit_names(limit: Obj, kind: str, at: str) -> Errors:
    errors: Errors = []
    for part in _PARTS:
        values = limit.get(part) or {}
        if kind == "Pod" and part in ("default", "defaultRequest"):
            if values:
                errors.append(field_forbidden(f"{at}.{part}", "may not be specified when `type` is 'Pod'"))
            continue
        if part == "maxLimitRequestRatio" and kind == "PersistentVolumeClaim":
            errors += _storage_bounds(limit, at)
        for name in sorted(values):
            errors += _limit_name(name, kind, f"{at}.{part}[{name}]")
    return errors


def _storage_bounds(limit: Obj, at: str) -> Errors:
    if any("storage" in (limit.get(part) or {}) for part in ("min", "max")):
        return []
    why = "either minimum or maximum storage value is required, but neither was provided"
    return [field_required(f"{at}.limits", why)]


def _limit_name(name: str, kind: str, path: str) -> Errors:
    if kind == "Container":
        return resources.resource_name(name, path)
    errors = qualified(name, path)
    if not errors and "/" not in name and not is_standard(name):
        errors.append(field_invalid(path, name, "must be a standard resource type or fully qualified"))
    return errors


def _bounds(limit: Obj, name: str, at: str) -> Errors:
    """The five numbers of one resource against each other."""
    value = {part: (limit.get(part) or {}).get(name) for part in _PARTS}

    def above(low: str, high: str) -> bool:
        a, b = value[low], value[high]
        return a is not None and b is not None and quantity.parse(a) > quantity.parse(b)

    errors: Errors = []
    for low, high, where, text in (
        ("min", "max", "min", "min value {} is greater than max value {}"),
        ("min", "defaultRequest", "defaultRequest", "min value {} is greater than default request value {}"),
        ("defaultRequest", "max", "defaultRequest", "default request value {} is greater than max value {}"),
        (
            "defaultRequest",
            "default",
            "defaultRequest",
            "default request value {} is greater than default limit value {}",
        ),
        ("min", "default", "default", "min value {} is greater than default value {}"),
        ("default", "max", "default", "default value {} is greater than max value {}"),
    ):
        if above(low, high):
            errors.append(field_invalid(f"{at}.{where}[{name}]", value[where], text.format(value[low], value[high])))
    return errors + _ratio(value, name, at) + _no_overcommit(value, name, at)


def _ratio(value: dict[str, str | None], name: str, at: str) -> Errors:
    ratio, low, high = value["maxLimitRequestRatio"], value["min"], value["max"]
    if ratio is None:
        return []
    path = f"{at}.maxLimitRequestRatio[{name}]"
    errors: Errors = []
    if quantity.parse(ratio) < quantity.NANO:
        errors.append(field_invalid(path, ratio, f"ratio {ratio} is less than 1"))
    if low is not None and high is not None and quantity.parse(low):
        widest = quantity.parse(high) / quantity.parse(low)
        if quantity.parse(ratio) / quantity.NANO > widest:
            errors.append(field_invalid(path, ratio, f"ratio {ratio} is greater than max/min = {widest:f}"))
    return errors


def _no_overcommit(value: dict[str, str | None], name: str, at: str) -> Errors:
    limit, request = value["default"], value["defaultRequest"]
    if limit is None or request is None or resources.can_overcommit(name) or limit == request:
        return []
    why = f"default value {limit} must equal to defaultRequest value {request} in {name}"
    return [field_invalid(f"{at}.defaultRequest[{name}]", request, why)]


# ---------------------------------------------------------------------- ResourceQuota


def validate_quota(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    hard = spec.get("hard") or {}
    errors = _amounts(hard, "spec.hard")
    return errors + _scopes(spec.get("scopes") or [], hard) + _scope_selector(spec.get("scopeSelector"), hard)


def _amounts(amounts: Obj, at: str) -> Errors:
    errors: Errors = []
    for name, text in sorted(amounts.items()):
        path = f"{at}[{name}]"
        errors += qualified(name, path)
        if "/" not in name and not is_quota(name):
            errors.append(field_invalid(path, name, "must be a standard resource for quota"))
        errors += resources.quantity_value(name, text, path)
    return errors


def _fits(scope: str, name: str) -> bool:
    """Whether a scope can be asked of a resource: BestEffort pods have nothing but their number."""
    if scope == "BestEffort":
        return name in _POD_ONLY
    if scope == "VolumeAttributesClass":
        return name in ("persistentvolumeclaims", "requests.storage")
    if scope in SCOPES:
        return name in _POD_ONLY | _MEASURED
    return True


def _misapplied(scope: str, hard: Obj) -> list[str]:
    return [n for n in sorted(hard) if is_quota(n) and not _fits(scope, n)]


def _scopes(scopes: list[str], hard: Obj) -> Errors:
    errors: Errors = []
    at = "spec.scopes"
    for scope in scopes:
        if scope not in SCOPES:
            errors.append(field_invalid(at, scopes, "unsupported scope"))
        errors += [field_invalid(at, scopes, "unsupported scope applied to resource") for _ in _misapplied(scope, hard)]
    errors += [field_invalid(at, scopes, "conflicting scopes") for pair in _CONFLICTS if set(pair) <= set(scopes)]
    return errors


def _scope_selector(selector: Obj | None, hard: Obj) -> Errors:
    errors: Errors = []
    at = "spec.scopeSelector.matchExpressions"
    for term in (selector or {}).get("matchExpressions") or []:
        scope, operator, values = term.get("scopeName", ""), term.get("operator", ""), term.get("values") or []
        if scope not in SCOPES:
            errors.append(field_invalid(f"{at}.scopeName", scope, "unsupported scope"))
        why = "unsupported scope applied to resource"
        errors += [field_invalid(at, selector, why) for _ in _misapplied(scope, hard)]
        if scope in EXISTS_ONLY and operator != "Exists":
            errors.append(field_invalid(f"{at}.operator", operator, _ONLY_EXISTS))
        if operator in ("In", "NotIn"):
            if not values:
                why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
                errors.append(field_required(f"{at}.values", why))
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
                errors.append(field_invalid(f"{at}.values", values, why))
        else:
            errors.append(field_invalid(f"{at}.operator", operator, "not a valid selector operator"))
    return errors


_ONLY_EXISTS = (
    "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)


def validate_quota_update(obj: Obj, old: Obj) -> list[FieldError]:
    errors = validate_quota(obj)
    now, before = (obj.get("spec") or {}).get("scopes") or [], (old.get("spec") or {}).get("scopes") or []
    if set(now) != set(before):
        errors.append(field_invalid("spec.scopes", now, IMMUTABLE))
    return errors


def validate_quota_status(obj: Obj) -> Errors:
    status = obj.get("status") or {}
    return _amounts(status.get("hard") or {}, "status.hard") + _amounts(status.get("used") or {}, "status.used")
