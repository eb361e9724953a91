"""HorizontalPodAutoscaler, autoscaling/v2."""

from minikctl.api.meta import Obj
from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.values import rfc1123
from minikctl.kubectl.describe.writer import Writer
from minikctl.util.jsonio import go_json

GROUP = "autoscaling"
_UNKNOWN = "<unknown>"


def describe(about: Subject, w: Writer) -> None:
    scaler = about.obj
    spec, status = scaler.get("spec") or {}, scaler.get("status") or {}
    target = spec.get("scaleTargetRef") or {}
    metadata.head(w, scaler)
    w.field(0, "CreationTimestamp", rfc1123(scaler["metadata"].get("creationTimestamp")))
    w.field(0, "Reference", f"{target.get('kind', '')}/{target.get('name', '')}")
    w.field(0, "Metrics", "( current / target )")
    known = status.get("currentMetrics") or []
    for i, metric in enumerate(spec.get("metrics") or []):
        w.line(1, metric_line(metric, known[i] if i < len(known) else {}))
    w.field(0, "Min replicas", spec["minReplicas"] if spec.get("minReplicas") is not None else "<unset>")
    w.field(0, "Max replicas", spec.get("maxReplicas", 0))
    behavior = spec.get("behavior")
    if behavior is not None:
        w.line(0, "Behavior:")
        _direction("Scale Up", behavior.get("scaleUp"), w)
        _direction("Scale Down", behavior.get("scaleDown"), w)
    replicas = f"{status.get('currentReplicas', 0)} current / {status.get('desiredReplicas', 0)} desired"
    w.field(0, f"{target.get('kind', '')} pods", replicas)
    if status.get("conditions"):
        w.line(0, "Conditions:")
        w.line(1, "Type\tStatus\tReason\tMessage")
        w.line(1, "----\t------\t------\t-------")
        for c in status["conditions"]:
            w.line(1, "\t".join(c.get(f, "") for f in ("type", "status", "reason", "message")))
    about.events(w)


def metric_line(metric: Obj, status: Obj) -> str:
    """`resource cpu on pods  (as a percentage of request):<tab>40% (80m) / 50%`."""
    kind = metric.get("type", "")
    field = kind[:1].lower() + kind[1:]
    source = metric.get(field) or {}
    target, current = source.get("target") or {}, (status.get(field) or {}).get("current") or {}
    name = (source.get("metric") or {}).get("name", "")
    match kind:
        case "External":
            word = "averageValue" if target.get("averageValue") is not None else "value"
            title = "target average value" if word == "averageValue" else "target value"
            return f"{go_json(name)} ({title}):\t{current.get(word, _UNKNOWN)} / {target.get(word, '0')}"
        case "Pods":
            return f"{go_json(name)} on pods:\t{current.get('averageValue', _UNKNOWN)} / {target.get('averageValue')}"
        case "Object":
            word = "averageValue" if target.get("type") == "AverageValue" else "value"
            title = "target average value" if word == "averageValue" else "target value"
            thing = source.get("describedObject") or {}
            where = f'"{name}" on {thing.get("kind", "")}/{thing.get("name", "")}'
            return f"{where} ({title}):\t{current.get(word, _UNKNOWN)} / {target.get(word, '0')}"
        case "Resource":
            return f"resource {source.get('name', '')} on pods" + _resource(target, current)
        case "ContainerResource":
            where = f'of container "{source.get("container", "")}" on pods'
            return f"resource {source.get('name', '')} {where}" + _resource(target, current)
    return f"<unknown metric type {go_json(kind)}>"


def _resource(target: Obj, current: Obj) -> str:
    if target.get("averageValue") is not None:
        return f":\t{current.get('averageValue', _UNKNOWN)} / {target['averageValue']}"
    now = _UNKNOWN
    if current.get("averageUtilization") is not None:
        now = f"{current['averageUtilization']}% ({current.get('averageValue', '0')})"
    wanted = "<auto>" if target.get("averageUtilization") is None else f"{target['averageUtilization']}%"
    return f"  (as a percentage of request):\t{now} / {wanted}"


def _direction(title: str, rules: Obj | None, w: Writer) -> None:
    if rules is None:
        return
    w.line(1, f"{title}:")
    if rules.get("stabilizationWindowSeconds") is not None:
        w.line(2, f"Stabilization Window: {rules['stabilizationWindowSeconds']} seconds")
    policies = rules.get("policies") or []
    if policies:
        w.line(2, f"Select Policy: {rules.get('selectPolicy') or 'Max'}")
        w.line(2, "Policies:")
        for p in policies:
            value, period = p.get("value", 0), p.get("periodSeconds", 0)
            w.line(3, f"- Type: {p.get('type', '')}\tValue: {value}\tPeriod: {period} seconds")
