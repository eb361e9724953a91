"""HorizontalPodAutoscaler: how many replicas a workload has, by what its pods use. Stored as v2; v1 is made from it."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Conversion, Kind
from minikctl.api.meta import Obj

DEFAULT_CPU = 80
SHOWN = 2
_UP: Obj = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
_DOWN: Obj = {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]}


def default_metric() -> Obj:
    target = {"type": "Utilization", "averageUtilization": DEFAULT_CPU}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def default(obj: Obj) -> None:
    spec = obj["spec"]
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics"):
        spec["metrics"] = [default_metric()]
    if spec.get("behavior") is not None:
        for direction, rules in (("scaleUp", _UP), ("scaleDown", _DOWN)):
            given = spec["behavior"].get(direction) or {}
            policies = given.get("policies") or [dict(p) for p in rules["policies"]]
            spec["behavior"][direction] = {**rules, **given, "policies": policies}


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import autoscaling

    return autoscaling.validate(obj)


def validate_status_update(obj: Obj, _old: Obj) -> list[FieldError]:
    from minikctl.api.validation import autoscaling

    return autoscaling.validate_status(obj)


# ---------------------------------------------------------------------- table


def _metric(spec: Obj, status: Obj) -> str:
    """`cpu: 12%/80%`: what one metric is, of what it should be."""
    kind = spec.get("type", "")
    field = kind[:1].lower() + kind[1:]
    source = spec.get(field)
    if source is None:
        return "<unknown type>"
    target, current = source.get("target") or {}, (status.get(field) or {}).get("current") or {}
    label = f"{source.get('name', '')}: " if kind in ("Resource", "ContainerResource") else ""
    if kind == "Pods":
        return f"{current.get('averageValue', '<unknown>')}/{target.get('averageValue', '0')}"
    if target.get("averageValue") is not None:
        suffix = "" if label else " (avg)"
        return f"{label}{current.get('averageValue', '<unknown>')}/{target['averageValue']}{suffix}"
    if label:
        now, wanted = current.get("averageUtilization"), target.get("averageUtilization")
        return f"{label}{'<unknown>' if now is None else f'{now}%'}/{'<auto>' if wanted is None else f'{wanted}%'}"
    return f"{current.get('value', '<unknown>')}/{target.get('value', '0')}"


def targets(obj: Obj) -> str:
    """The TARGETS column."""
    specs = obj.get("spec", {}).get("metrics") or []
    if not specs:
        return "<none>"
    statuses = (obj.get("status") or {}).get("currentMetrics") or []
    shown = [_metric(s, statuses[i] if i < len(statuses) else {}) for i, s in enumerate(specs)]
    return ", ".join(shown[:SHOWN]) + (f" + {len(shown) - SHOWN} more..." if len(shown) > SHOWN else "")


def row(obj: Obj, now: datetime) -> list[Cell]:
    spec, meta = obj.get("spec", {}), obj["metadata"]
    ref = spec.get("scaleTargetRef") or {}
    return [
        meta["name"],
        f"{ref.get('kind', '')}/{ref.get('name', '')}",
        targets(obj),
        "<unset>" if spec.get("minReplicas") is None else str(spec["minReplicas"]),
        spec.get("maxReplicas", 0),
        (obj.get("status") or {}).get("currentReplicas", 0),
        since(meta.get("creationTimestamp"), now),
    ]


KIND = Kind(
    group="autoscaling",
    version="v2",
    kind="HorizontalPodAutoscaler",
    plural="horizontalpodautoscalers",
    type="autoscaling/v2.HorizontalPodAutoscaler",
    short_names=("hpa",),
    categories=("all",),
    subresources=("status",),
    default=default,
    validate=validate,
    validate_status_update=validate_status_update,
    columns=(
        NAME,
        Column("Reference"),
        Column("Targets"),
        Column("MinPods"),
        Column("MaxPods", "integer"),
        Column("Replicas", "integer"),
        AGE,
    ),
    row=row,
)


# ---------------------------------------------------------------------- version 1


def _to_v2(obj: Obj) -> Obj:
    from minikctl.api.autoscaling_versions import to_v2

    return to_v2(obj)


def _to_v1(obj: Obj) -> Obj:
    from minikctl.api.autoscaling_versions import to_v1

    return to_v1(obj)


def _default_v1(obj: Obj) -> None:
    obj["spec"].setdefault("minReplicas", 1)


def _row_v1(obj: Obj, now: datetime) -> list[Cell]:
    return row(_to_v2(obj), now)


V1 = Kind(
    group=KIND.group,
    version="v1",
    kind=KIND.kind,
    plural=KIND.plural,
    type="autoscaling/v1.HorizontalPodAutoscaler",
    short_names=KIND.short_names,
    categories=KIND.categories,
    subresources=KIND.subresources,
    default=_default_v1,
    columns=KIND.columns,
    row=_row_v1,
    conversion=Conversion(KIND, _to_v2, _to_v1),
)

KINDS = (KIND, V1)
