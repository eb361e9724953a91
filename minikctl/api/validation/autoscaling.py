"""Which HorizontalPodAutoscalers are valid. Source: Kubernetes `pkg/apis/autoscaling/validation`."""

from __future__ import annotations

from minikctl.api import quantity
from minikctl.api.errors import field_forbidden, field_invalid, field_not_supported, field_required
from minikctl.api.meta import Obj
from minikctl.api.names import path_segment
from minikctl.api.validation.common import Errors, all_invalid, all_nonnegative

SOURCES = ["ContainerResource", "External", "Object", "Pods", "Resource"]
_FIELD = {kind: kind[0].lower() + kind[1:] for kind in SOURCES}
_ORDER = ("object", "external", "pods", "resource", "containerResource")
SELECT_POLICIES = ["Disabled", "Max", "Min"]
MAX_WINDOW, MAX_PERIOD = 3600, 1800


def validate(obj: Obj) -> Errors:
    spec = obj["spec"]
    low, high = spec.get("minReplicas"), spec.get("maxReplicas", 0)
    errors: Errors = []
    if low is not None and low < 1:
        errors.append(field_invalid("spec.minReplicas", low, "must be greater than or equal to 1"))
    if high < 1:
        errors.append(field_invalid("spec.maxReplicas", high, "must be greater than 0"))
    if low is not None and high < low:
        errors.append(field_invalid("spec.maxReplicas", high, "must be greater than or equal to `minReplicas`"))
    errors += _reference(spec.get("scaleTargetRef") or {}, "spec.scaleTargetRef")
    for i, metric in enumerate(spec.get("metrics") or []):
        errors += _metric(metric, f"spec.metrics[{i}]")
    behavior = spec.get("behavior") or {}
    for direction in ("scaleUp", "scaleDown"):
        if behavior.get(direction) is not None:
            errors += _rules(behavior[direction], f"spec.behavior.{direction}")
    return errors


def _named(value: str, path: str, missing: str = "") -> Errors:
    return all_invalid(path_segment, value, path) if value else [field_required(path, missing)]


def _reference(ref: Obj, at: str) -> Errors:
    return _named(ref.get("kind") or "", f"{at}.kind") + _named(ref.get("name") or "", f"{at}.name")


def _metric(metric: Obj, at: str) -> Errors:
    kind = metric.get("type") or ""
    errors: Errors = []
    if not kind:
        errors.append(field_required(f"{at}.type", "must specify a metric source type"))
    if kind not in SOURCES:
        errors.append(field_not_supported(f"{at}.type", kind, SOURCES))
    present = [f for f in _ORDER if metric.get(f) is not None]
    if present:
        errors += _CHECKS[present[0]](metric[present[0]], f"{at}.{present[0]}")
    expected = _FIELD.get(kind, "")
    if expected and metric.get(expected) is None:
        errors.append(field_required(f"{at}.{expected}", "must populate information for the given metric source"))
    if len(present) != 1:
        why = "must populate the given metric source only"
        errors += [field_forbidden(f"{at}.{field}", why) for field in present if field != expected]
    return errors


def _target(target: Obj, at: str) -> Errors:
    kind = target.get("type") or ""
    errors: Errors = []
    if not kind:
        errors.append(field_required(f"{at}.type", "must specify a metric target type"))
    if kind not in ("Utilization", "Value", "AverageValue"):
        errors.append(field_invalid(f"{at}.type", kind, "must be either Utilization, Value, or AverageValue"))
    for field in ("value", "averageValue"):
        text = target.get(field)
        if text is not None and quantity.parse(text) <= 0:
            errors.append(field_invalid(f"{at}.{field}", text, "must be positive"))
    percent = target.get("averageUtilization")
    if percent is not None and percent < 1:
        errors.append(field_invalid(f"{at}.averageUtilization", percent, "must be greater than 0"))
    return errors


def _identifier(source: Obj, at: str) -> Errors:
    return _named((source.get("metric") or {}).get("name") or "", f"{at}.metric.name", "must specify a metric name")


def _object(source: Obj, at: str) -> Errors:
    target = source.get("target") or {}
    errors = _reference(source.get("describedObject") or {}, f"{at}.describedObject")
    errors += _identifier(source, at) + _target(target, f"{at}.target")
    if target.get("value") is None and target.get("averageValue") is None:
        errors.append(field_required(f"{at}.target.averageValue", "must set either a target value or averageValue"))
    return errors


def _external(source: Obj, at: str) -> Errors:
    target = source.get("target") or {}
    errors = _identifier(source, at) + _target(target, f"{at}.target")
    given = [target.get("value") is not None, target.get("averageValue") is not None]
    if not any(given):
        why = "must set either a target value for metric or a per-pod target"
        errors.append(field_required(f"{at}.target.averageValue", why))
    if all(given):
        why = "may not set both a target value for metric and a per-pod target"
        errors.append(field_forbidden(f"{at}.target.value", why))
    return errors


def _pods(source: Obj, at: str) -> Errors:
    target = source.get("target") or {}
    errors = _identifier(source, at) + _target(target, f"{at}.target")
    if target.get("averageValue") is None or quantity.parse(target["averageValue"]) <= 0:
        errors.append(field_required(f"{at}.target.averageValue", "must specify a positive target averageValue"))
    return errors


def _resource(source: Obj, at: str) -> Errors:
    target = source.get("target") or {}
    errors: Errors = [] if source.get("name") else [field_required(f"{at}.name", "must specify a resource name")]
    errors += _target(target, f"{at}.target")
    given = [target.get("averageUtilization") is not None, target.get("averageValue") is not None]
    if not any(given):
        why = "must set either a target raw value or a target utilization"
        errors.append(field_required(f"{at}.target.averageUtilization", why))
    if all(given):
        why = "may not set both a target raw value and a target utilization"
        errors.append(field_forbidden(f"{at}.target.averageValue", why))
    return errors


def _container_resource(source: Obj, at: str) -> Errors:
    errors = _resource(source, at)
    return errors + _named(source.get("container") or "", f"{at}.container", "must specify a container")


_CHECKS = {
    "object": _object,
    "external": _external,
    "pods": _pods,
    "resource": _resource,
    "containerResource": _container_resource,
}


def _rules(rules: Obj, at: str) -> Errors:
    errors: Errors = []
    window, chosen = rules.get("stabilizationWindowSeconds"), rules.get("selectPolicy")
    if window is not None and window < 0:
        errors.append(
            field_invalid(f"{at}.stabilizationWindowSeconds", window, "must be greater than or equal to zero")
        )
    if window is not None and window > MAX_WINDOW:
        why = f"must be less than or equal to {MAX_WINDOW}"
        errors.append(field_invalid(f"{at}.stabilizationWindowSeconds", window, why))
    if chosen is not None and chosen not in SELECT_POLICIES:
        errors.append(field_not_supported(f"{at}.selectPolicy", chosen, SELECT_POLICIES))
    if not rules.get("policies"):
        errors.append(field_required(f"{at}.policies", "must specify at least one Policy"))
    for i, policy in enumerate(rules.get("policies") or []):
        errors += _policy(policy, f"{at}.policies[{i}]")
    tolerance = rules.get("tolerance")
    if tolerance is not None and quantity.parse(tolerance) < 0:
        errors.append(field_invalid(f"{at}.tolerance", tolerance, "must be greater than or equal to zero"))
    return errors


def _policy(policy: Obj, at: str) -> Errors:
    kind, value, period = policy.get("type") or "", policy.get("value", 0), policy.get("periodSeconds", 0)
    errors: Errors = []
    if kind not in ("Pods", "Percent"):
        errors.append(field_not_supported(f"{at}.type", kind, ["Percent", "Pods"]))
    if value <= 0:
        errors.append(field_invalid(f"{at}.value", value, "must be greater than zero"))
    if period <= 0:
        errors.append(field_invalid(f"{at}.periodSeconds", period, "must be greater than zero"))
    if period > MAX_PERIOD:
        errors.append(field_invalid(f"{at}.periodSeconds", period, f"must be less than or equal to {MAX_PERIOD}"))
    return errors


def validate_status(obj: Obj) -> Errors:
    return all_nonnegative(obj.get("status") or {}, ("currentReplicas", "desiredReplicas"), "status")
