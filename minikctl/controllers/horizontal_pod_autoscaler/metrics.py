"""What the metrics of an autoscaler say now: their values, and the replicas that they ask for.

Resource and ContainerResource metrics come from the metrics API, all others from adapters (custom.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from minikctl.api import quantity
from minikctl.api.durations import parse_go_duration, parse_time
from minikctl.api.meta import Obj, Objects, name
from minikctl.controllers.common import pods
from minikctl.controllers.horizontal_pod_autoscaler import custom, replicas
from minikctl.controllers.horizontal_pod_autoscaler.replicas import Proposal, Sample, Tolerances, Unknown

FIELDS = {"Resource": "resource", "ContainerResource": "containerResource"}


@dataclass(frozen=True)
class Found:
    """One metric: the replicas it asks for, what to call it, and its entry in status.currentMetrics."""

    replicas: int
    title: str
    status: Obj


@dataclass(frozen=True)
class Situation:
    """What metrics are about. ask: the PodMetrics of the target's pods; fetch, resource: see custom.py. All raise
    Unknown. current: the replicas that are wanted now; running: those that there are."""

    pods: Objects
    ask: Callable[[], Objects]
    current: int
    tolerances: Tolerances
    now: datetime
    namespace: str
    selector: str
    running: int
    fetch: custom.Fetch
    resource: custom.Resource


def failure_reason(metric: Obj) -> str:
    return f"FailedGet{metric.get('type')}Metric"


def evaluate(metric: Obj, situation: Situation) -> Found:
    """Raises Unknown."""
    kind = str(metric.get("type"))
    if kind in FIELDS:
        return _resource(kind, metric[FIELDS[kind]], situation)
    if kind in custom.FIELDS:
        return _ADAPTED[kind](metric[custom.FIELDS[kind]], situation)
    raise Unknown(f'unknown metric source type "{kind}"')


def in_full(metric: Obj, error: Unknown) -> str:
    """The failure as the Event FailedComputeMetricsReplicas has it."""
    kind = str(metric.get("type"))
    if kind in FIELDS:
        what = "container" if kind == "ContainerResource" else "resource"
        return f"failed to get {metric[FIELDS[kind]]['name']} {what} metric value: {error}"
    if kind == "External":
        source = metric["external"]
        title = source["metric"]["name"]
        shared = (source.get("target") or {}).get("averageValue") is not None
        inner = f"{title} external metric" if shared else f"external metric {title}"
        return f"failed to get {title} external metric value: failed to get {inner}: {error}"
    return f"failed to get {kind.lower()} metric value: {error}"


def _pods(source: Obj, situation: Situation) -> Found:
    metric, target = source["metric"], source.get("target") or {}
    try:
        items = _items(custom.of_pods(metric, situation.namespace, situation.selector), situation)
    except Unknown as e:
        raise Unknown(f"unable to get metric {metric['name']}: {e}") from None
    wanted = quantity.milli(target["averageValue"])
    common = (situation.current, situation.tolerances, situation.now)
    proposal = replicas.by_value(situation.pods, custom.samples(items), "", wanted, *common)
    current = {"averageValue": quantity.from_milli(proposal.usage)}
    status = {"type": "Pods", "pods": {"metric": metric, "current": current}}
    return Found(proposal.replicas, f"pods metric {metric['name']}", status)


def _object(source: Obj, situation: Situation) -> Found:
    metric, described = source["metric"], source["describedObject"]
    try:
        usage = custom.total(
            _items(custom.of_object(metric, situation.namespace, described, situation.resource), situation)
        )
    except Unknown as e:
        place = f"{described['kind']} on {situation.namespace} {described['name']}/{e}"
        raise Unknown(f"unable to get metric {metric['name']}: {place}") from None
    wanted, current = _adapted(source, usage, situation)
    shown = {"metric": metric, "current": current, "describedObject": described}
    shared = "averageValue" in current
    title = f"external metric {custom.shown(metric)}" if shared else f"{described['kind']} metric {metric['name']}"
    return Found(wanted, title, {"type": "Object", "object": shown})


def _external(source: Obj, situation: Situation) -> Found:
    metric = source["metric"]
    try:
        usage = custom.total(_items(custom.of_outside(metric, situation.namespace), situation))
    except Unknown as e:
        words = custom.selector_words(metric.get("selector"))
        about = f"{situation.namespace}/{metric['name']}/{words}"
        raise Unknown(f"unable to get external metric {about}: {e}") from None
    wanted, current = _adapted(source, usage, situation)
    status = {"type": "External", "external": {"metric": metric, "current": current}}
    return Found(wanted, f"external metric {custom.shown(metric)}", status)


_ADAPTED = {"Pods": _pods, "Object": _object, "External": _external}


def _items(source: custom.Source, situation: Situation) -> Objects:
    found = situation.fetch(source.group, source.url)
    if not found:
        api = source.group.partition(".")[0]
        raise Unknown(f"no metrics returned from {api} metrics API")
    return found


def _adapted(source: Obj, usage: int, situation: Situation) -> tuple[int, Obj]:
    """(replicas, status.current) for one value, shared by the pods or not."""
    target, kind = source.get("target") or {}, "external" if "describedObject" not in source else "object"
    if target.get("averageValue") is not None:
        share = quantity.milli(target["averageValue"])
        wanted, each = custom.by_share(usage, share, situation.running, situation.tolerances)
        return wanted, {"averageValue": quantity.from_milli(each)}
    if target.get("value") is None:
        text = "neither a value target nor an average value target was set"
        raise Unknown(f"invalid {kind} metric source: {text}")
    if not situation.pods and situation.current:
        raise Unknown("unable to calculate ready pods: no pods returned by selector while calculating replica count")
    ready = sum(p.get("status", {}).get("phase") == "Running" and pods.is_ready(p) for p in situation.pods)
    limit = quantity.milli(target["value"])
    wanted = custom.by_total(usage, limit, situation.current, ready, situation.tolerances)
    return wanted, {"value": quantity.from_milli(usage)}


def _resource(kind: str, source: Obj, situation: Situation) -> Found:
    resource, container, target = source["name"], source.get("container") or "", source.get("target") or {}
    within = "container " if container else ""
    what = "usage" if target.get("averageValue") is not None else "utilization"
    try:
        samples = _measured(situation, resource, container)
        proposal = _proposal(resource, container, target, samples, situation)
    except Unknown as e:
        raise Unknown(f"failed to get {resource} {what}: {e}") from None
    current: Obj = {"averageValue": quantity.from_milli(proposal.usage)}
    if resource == "memory":
        current["averageValue"] = quantity.from_bytes(proposal.usage // 1000)
    title = f"{resource} {within}resource"
    if proposal.utilization is not None:
        current["averageUtilization"] = proposal.utilization
        title += " utilization (percentage of request)"
    shown = {"name": resource, **({"container": container} if container else {}), "current": current}
    return Found(proposal.replicas, title, {"type": kind, FIELDS[kind]: shown})


def _measured(situation: Situation, resource: str, container: str) -> dict[str, Sample]:
    try:
        samples = samples_of(situation.ask(), resource, container)
    except Unknown as e:
        raise Unknown(f"unable to get metrics for resource {resource}: {e}") from None
    if not samples:
        raise Unknown(f"unable to get metrics for resource {resource}: no metrics returned from resource metrics API")
    return samples


def _proposal(resource: str, container: str, target: Obj, samples: replicas.Samples, situation: Situation) -> Proposal:
    common = (situation.current, situation.tolerances, situation.now)
    if target.get("averageValue") is not None:
        wanted = quantity.milli(target["averageValue"])
        return replicas.by_value(situation.pods, samples, resource, wanted, *common)
    if target.get("averageUtilization") is None:
        text = "neither an average utilization target nor an average value (usage) target was set"
        raise Unknown(f"invalid resource metric source: {text}")
    share = int(target["averageUtilization"])
    return replicas.by_utilization(situation.pods, samples, resource, container, share, *common)


def samples_of(metrics: Objects, resource: str, container: str = "") -> dict[str, Sample]:
    """By pod, from PodMetrics: of one container, or of all; a pod that lacks one is left out."""
    found = {}
    for one in metrics:
        listed = [c for c in one.get("containers") or [] if not container or c.get("name") == container]
        values = [(c.get("usage") or {}).get(resource) for c in listed]
        if not values or None in values:
            continue
        total = sum(quantity.milli(str(v)) for v in values)
        window = float(parse_go_duration(one.get("window") or "0s"))
        found[name(one)] = Sample(total, parse_time(one["timestamp"]), window)
    return found
