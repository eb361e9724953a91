"""autoscaling/v1 and v2 of the HorizontalPodAutoscaler, one made from the other.

v1 has one field for the CPU target; whatever else v2 says travels in annotations, as JSON in v1's own words. So an
object survives the way there and back. Source: Kubernetes `pkg/apis/autoscaling/v1/conversion.go`.
"""

from __future__ import annotations

from typing import Any

from minikctl.api.kinds.horizontal_pod_autoscaler import default_metric
from minikctl.api.meta import Obj
from minikctl.util.jsonio import JSONError, go_json, loads

METRICS = "autoscaling.alpha.kubernetes.io/metrics"
STATUSES = "autoscaling.alpha.kubernetes.io/current-metrics"
CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior"
_ALL = (METRICS, STATUSES, CONDITIONS, BEHAVIOR)
_SHARED = ("observedGeneration", "lastScaleTime", "currentReplicas", "desiredReplicas")


def _is_cpu(metric: Obj, part: str) -> bool:
    """Whether v1 has a field for it: the pods' average CPU utilization."""
    resource = metric.get("resource") or {}
    return resource.get("name") == "cpu" and (resource.get(part) or {}).get("averageUtilization") is not None


# ---------------------------------------------------------------------- v2 → v1


def to_v1(obj: Obj) -> Obj:
    spec, status = obj["spec"], obj.get("status") or {}
    annotations = dict(obj["metadata"].get("annotations") or {})
    shown: Obj = {k: spec[k] for k in ("scaleTargetRef", "minReplicas", "maxReplicas") if k in spec}
    others = []
    for metric in spec.get("metrics") or []:
        if metric.get("type") == "Resource" and _is_cpu(metric, "target"):
            shown["targetCPUUtilizationPercentage"] = metric["resource"]["target"]["averageUtilization"]
        else:
            others.append(_flat(metric, "target"))
    reported: Obj = {k: status[k] for k in _SHARED if k in status}
    reported.setdefault("currentReplicas", 0)
    reported.setdefault("desiredReplicas", 0)
    current = status.get("currentMetrics") or []
    for metric in current:
        if metric.get("type") == "Resource" and _is_cpu(metric, "current"):
            reported["currentCPUUtilizationPercentage"] = metric["resource"]["current"]["averageUtilization"]
    for key, value in (
        (METRICS, others),
        (STATUSES, [_flat(m, "current") for m in current]),
        (CONDITIONS, status.get("conditions")),
        (BEHAVIOR, _capitalized(spec["behavior"]) if spec.get("behavior") else None),
    ):
        if value:
            annotations[key] = go_json(value)
    metadata = {**obj["metadata"]}
    if annotations:
        metadata["annotations"] = dict(sorted(annotations.items()))
    return {**obj, "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": shown, "status": reported}


def _flat(metric: Obj, part: str) -> Obj:
    """A v2 metric (`part` target) or its state (`current`) in v1's words."""
    kind = metric.get("type", "")
    field = kind[:1].lower() + kind[1:]
    source = metric.get(field) or {}
    numbers, identity = source.get(part) or {}, source.get("metric") or {}
    names = _NAMES[part]
    out: Obj = {}
    if kind == "Object":
        out["target"] = source.get("describedObject") or {}
    if kind in ("Resource", "ContainerResource"):
        out["name"] = source.get("name", "")
    else:
        out["metricName"] = identity.get("name", "")
    if identity.get("selector") is not None:
        out["metricSelector" if kind == "External" else "selector"] = identity["selector"]
    for number, name in (("value", names[0]), ("averageValue", names[1]), ("averageUtilization", names[2])):
        if numbers.get(number) is not None:
            out["averageValue" if kind == "Object" and number == "averageValue" else name] = numbers[number]
    if kind == "ContainerResource":
        out["container"] = source.get("container", "")
    return {"type": kind, field: out}


_NAMES = {
    "target": ("targetValue", "targetAverageValue", "targetAverageUtilization"),
    "current": ("currentValue", "currentAverageValue", "currentAverageUtilization"),
}


def _capitalized(value: Any) -> Any:
    """Behavior is kept in the internal type's JSON, whose fields begin with capitals."""
    return _renamed(value, str.upper)


def _renamed(value: Any, change: Any) -> Any:
    if isinstance(value, dict):
        return {change(k[:1]) + k[1:]: _renamed(v, change) for k, v in value.items()}
    return [_renamed(v, change) for v in value] if isinstance(value, list) else value


# ---------------------------------------------------------------------- v1 → v2


def to_v2(obj: Obj) -> Obj:
    spec, status = obj["spec"], obj.get("status") or {}
    annotations = dict(obj["metadata"].get("annotations") or {})
    kept = {key: _parsed(annotations.pop(key, None)) for key in _ALL}
    full: Obj = {k: spec[k] for k in ("scaleTargetRef", "minReplicas", "maxReplicas") if k in spec}
    metrics = [_deep(m, "target") for m in kept[METRICS] or []]
    cpu = spec.get("targetCPUUtilizationPercentage")
    if cpu is not None:
        metric = default_metric()
        metric["resource"]["target"]["averageUtilization"] = cpu
        metrics.append(metric)
    full["metrics"] = metrics or [default_metric()]
    if isinstance(kept[BEHAVIOR], dict):
        full["behavior"] = _renamed(kept[BEHAVIOR], str.lower)
    reported: Obj = {k: status[k] for k in _SHARED if k in status}
    reported["currentMetrics"] = [_deep(m, "current") for m in kept[STATUSES] or []] or None
    if kept[CONDITIONS]:
        reported["conditions"] = kept[CONDITIONS]
    metadata = {k: v for k, v in obj["metadata"].items() if k != "annotations"}
    if annotations:
        metadata["annotations"] = annotations
    return {**obj, "apiVersion": "autoscaling/v2", "metadata": metadata, "spec": full, "status": reported}


def _parsed(text: str | None) -> Any:
    """The content of an annotation; nothing when a person has broken it."""
    try:
        return loads(text) if text else None
    except JSONError:
        return None


def _deep(metric: Obj, part: str) -> Obj:
    """A v1 metric, or its state, in v2's words."""
    kind = metric.get("type", "")
    field = kind[:1].lower() + kind[1:]
    source = metric.get(field) or {}
    names = _NAMES[part]
    numbers: Obj = {}
    for number, name in (("value", names[0]), ("averageValue", names[1]), ("averageUtilization", names[2])):
        value = source.get(name, source.get("averageValue") if kind == "Object" and number == "averageValue" else None)
        if value is not None:
            numbers[number] = value
    if part == "target":
        numbers = {"type": _target_type(numbers), **numbers}
    out: Obj = {}
    if kind == "Object":
        out["describedObject"] = source.get("target") or {}
    if kind in ("Resource", "ContainerResource"):
        out["name"] = source.get("name", "")
    else:
        selector = source.get("metricSelector" if kind == "External" else "selector")
        out["metric"] = {"name": source.get("metricName", "")} | ({"selector": selector} if selector else {})
    out[part] = numbers
    if kind == "ContainerResource":
        out["container"] = source.get("container", "")
    return {"type": kind, field: out}


def _target_type(numbers: Obj) -> str:
    if "averageUtilization" in numbers:
        return "Utilization"
    return "AverageValue" if "averageValue" in numbers else "Value"
