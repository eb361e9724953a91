"""The workloads of the apps group. Source: Kubernetes `pkg/apis/apps/validation`."""

from __future__ import annotations

from minikctl.api.errors import FieldError, field_forbidden, field_invalid, field_not_supported, field_required
from minikctl.api.meta import Obj
from minikctl.api.validation import label_selector, pod_spec
from minikctl.api.validation.common import (
    Errors,
    all_nonnegative,
    amount,
    at_most_100_percent,
    immutable,
    int_or_percent,
    nonnegative,
    not_decremented,
    status_counts,
)
from minikctl.util.jsonio import go_json

ALWAYS = ["Always"]
_REPLICAS = "status.replicas"


def selector(spec: Obj, kind: str, path: str = "spec.selector") -> Errors:
    """Required, well-formed and not empty. `kind`: as the message calls it."""
    given = spec.get("selector")
    if given is None:
        return [field_required(path)]
    errors = label_selector.validate(given, path)
    if label_selector.is_empty(given):
        errors.append(field_invalid(path, given, f"empty selector is invalid for {kind}"))
    return errors


def matching(spec: Obj) -> Errors:
    """The selector must select the pods of its own template."""
    chosen = label_selector.parsed(spec.get("selector"))
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    if chosen is None or not chosen or chosen.matches(labels):
        return []
    return [field_invalid("spec.template.metadata.labels", labels or None, label_selector.MISMATCH)]


def always_running(spec: Obj, kind: str) -> Errors:
    """Pods that a controller keeps running restart always and have no deadline."""
    template = (spec.get("template") or {}).get("spec") or {}
    errors: Errors = []
    policy = template.get("restartPolicy") or ""
    if policy != "Always":
        errors.append(field_not_supported("spec.template.spec.restartPolicy", policy, ALWAYS))
    if template.get("activeDeadlineSeconds") is not None:
        why = f"activeDeadlineSeconds in {kind} is not Supported"
        errors.append(field_forbidden("spec.template.spec.activeDeadlineSeconds", why))
    return errors


def replicated_template(spec: Obj, kind: str = "ReplicaSet") -> Errors:
    """The template of a Deployment or ReplicaSet, if its selector can be read."""
    if label_selector.parsed(spec.get("selector")) is None:
        return [field_invalid("spec.selector", spec.get("selector"), "invalid label selector")]
    errors = matching(spec) + pod_spec.template(spec.get("template") or {}, "spec.template")
    return errors + always_running(spec, kind)


# ---------------------------------------------------------------------- Deployment


def deployment(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    errors = nonnegative(spec, "replicas", "spec.replicas")
    errors += selector(spec, "deployment")
    errors += replicated_template(spec)
    errors += _deployment_strategy(spec.get("strategy") or {})
    errors += all_nonnegative(spec, ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"), "spec")
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= int(spec.get("minReadySeconds") or 0):
        why = "must be greater than minReadySeconds"
        errors.append(field_invalid("spec.progressDeadlineSeconds", deadline, why))
    return errors


def _deployment_strategy(strategy: Obj) -> Errors:
    at = "spec.strategy"
    rolling = strategy.get("rollingUpdate")
    match strategy.get("type"):
        case "Recreate":
            if rolling is None:
                return []
            why = "may not be specified when strategy `type` is 'Recreate'"
            return [field_forbidden(f"{at}.rollingUpdate", why)]
        case "RollingUpdate":
            return _rolling_deployment(rolling or {}, f"{at}.rollingUpdate")
    shown = go_json({"Type": strategy.get("type") or "", "RollingUpdate": rolling})
    detail = 'supported values: "Recreate", "RollingUpdate"'
    return [FieldError("FieldValueNotSupported", at, detail, shown)]


def _rolling_deployment(rolling: Obj, path: str) -> Errors:
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    errors = int_or_percent(unavailable, f"{path}.maxUnavailable") + int_or_percent(surge, f"{path}.maxSurge")
    if amount(unavailable) == 0 and amount(surge) == 0:
        errors.append(field_invalid(f"{path}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0"))
    return errors + at_most_100_percent(unavailable, f"{path}.maxUnavailable")


def same_selector(obj: Obj, old: Obj) -> Errors:
    return immutable(obj["spec"].get("selector"), old["spec"].get("selector"), "spec.selector")


def deployment_status(obj: Obj, old: Obj) -> Errors:
    status = obj.get("status") or {}
    counters = (
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
    )
    errors = all_nonnegative(status, counters, "status")
    bounds = dict.fromkeys(("updatedReplicas", "readyReplicas", "availableReplicas"), ("replicas", _REPLICAS))
    errors += status_counts(status, bounds)
    errors += status_counts(status, {"availableReplicas": ("readyReplicas", "readyReplicas")})
    return errors + not_decremented(status, old.get("status") or {}, "collisionCount")


# ---------------------------------------------------------------------- ReplicaSet


def replica_set(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    errors = all_nonnegative(spec, ("replicas", "minReadySeconds"), "spec")
    return errors + selector(spec, "deployment") + replicated_template(spec)


def replica_set_status(obj: Obj, _old: Obj) -> Errors:
    status = obj.get("status") or {}
    counters = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "terminatingReplicas")
    errors = all_nonnegative(status, (*counters, "observedGeneration"), "status")
    bounds = dict.fromkeys(("fullyLabeledReplicas", "readyReplicas", "availableReplicas"), ("replicas", _REPLICAS))
    errors += status_counts(status, bounds)
    return errors + status_counts(status, {"availableReplicas": ("readyReplicas", "readyReplicas")})


# ---------------------------------------------------------------------- ReplicationController


def replication_controller(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    chosen, template = spec.get("selector") or {}, spec.get("template")
    errors = nonnegative(spec, "minReadySeconds", "spec.minReadySeconds")
    if not chosen:
        errors.append(field_required("spec.selector"))
    errors += nonnegative(spec, "replicas", "spec.replicas")
    if template is None:
        return [*errors, field_required("spec.template")]
    labels = (template.get("metadata") or {}).get("labels") or {}
    if chosen and any(labels.get(k) != v for k, v in chosen.items()):
        errors.append(field_invalid("spec.template.metadata.labels", labels or None, label_selector.MISMATCH))
    errors += pod_spec.template(template, "spec.template")
    return errors + always_running(spec, "ReplicationController")
