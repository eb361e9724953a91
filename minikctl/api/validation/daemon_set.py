"""DaemonSets. Source: Kubernetes `ValidateDaemonSet`."""

from __future__ import annotations

from typing import Any

from minikctl.api.errors import FieldError, field_invalid, field_required
from minikctl.api.meta import Obj
from minikctl.api.validation import label_selector, pod_spec, workloads
from minikctl.api.validation.common import (
    Errors,
    all_nonnegative,
    amount,
    at_most_100_percent,
    int_or_percent,
    not_decremented,
)
from minikctl.util.jsonio import go_json


def validate(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    given = spec.get("selector")
    errors = label_selector.validate(given, "spec.selector") + workloads.matching(spec)
    if label_selector.is_empty(given):
        errors.append(field_invalid("spec.selector", given, "empty selector is invalid for daemonset"))
    errors += pod_spec.template(spec.get("template") or {}, "spec.template")
    errors += workloads.always_running(spec, "DaemonSet")
    errors += all_nonnegative(spec, ("minReadySeconds",), "spec")
    errors += _strategy(spec.get("updateStrategy") or {})
    return errors + all_nonnegative(spec, ("revisionHistoryLimit",), "spec")


def _strategy(strategy: Obj) -> Errors:
    at, rolling = "spec.updateStrategy", strategy.get("rollingUpdate")
    match strategy.get("type"):
        case "OnDelete":
            return []
        case "RollingUpdate":
            return (
                [field_required(f"{at}.rollingUpdate")] if rolling is None else _rolling(rolling, f"{at}.rollingUpdate")
            )
    shown = go_json({"Type": strategy.get("type") or "", "RollingUpdate": rolling})
    return [FieldError("FieldValueNotSupported", at, 'supported values: "RollingUpdate", "OnDelete"', shown)]


def _rolling(rolling: Obj, path: str) -> Errors:
    """Pods are either replaced after they are gone, or before: one of the two numbers is zero."""
    unavailable: Any = rolling.get("maxUnavailable", 0)
    surge: Any = rolling.get("maxSurge", 0)
    errors: Errors = []
    for check in (int_or_percent, at_most_100_percent):
        errors += check(unavailable, f"{path}.maxUnavailable") + check(surge, f"{path}.maxSurge")
    if amount(unavailable) and amount(surge):
        errors.append(field_invalid(f"{path}.maxSurge", surge, "may not be set when maxUnavailable is non-zero"))
    elif not amount(unavailable) and not amount(surge):
        errors.append(field_required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0"))
    return errors


def validate_status(obj: Obj, old: Obj) -> Errors:
    status = obj.get("status") or {}
    counters = (
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "collisionCount",
    )
    errors = all_nonnegative(status, counters, "status")
    return errors + not_decremented(status, old.get("status") or {}, "collisionCount")
