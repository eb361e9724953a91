"""What the metrics of an autoscaler say now: their values, and the replicas that they ask for.

Resource and ContainerResource metrics come from the metrics API. There is no source of custom or external metrics here;
they are unknown, as in a cluster without adapters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from minikctl.api import quantity
from minikctl.api.durations import parse_go_duration, parse_time
from minikctl.api.meta import Obj, Objects, name
from minikctl.controllers.horizontal_pod_autoscaler import replicas
from minikctl.controllers.horizontal_pod_autoscaler.replicas import Proposal, Sample, Tolerances, Unknown

_SOURCES = {"Object": "custom", "Pods": "custom", "External": "external"}
FIELDS = {"Resource": "resource", "ContainerResource": "containerResource"}


@dataclass(frozen=True)
class Found:
    """One metric: the replicas it asks for, what to call it, and its entry in status.currentMetrics."""

    replicas: int
    title: str
    status: Obj


@dataclass(frozen=True)
class Situation:
    """What metrics are about. ask: the PodMetrics of the target's pods; raises Unknown."""

    pods: Objects
    ask: Callable[[], Objects]
    current: int
    tolerances: Tolerances
    now: datetime


def failure_reason(metric: Obj) -> str:
    return f"FailedGet{metric.get('type')}Metric"


def evaluate(metric: Obj, situation: Situation) -> Found:
    """Raises Unknown."""
    kind = str(metric.get("type"))
    if kind in FIELDS:
        return _resource(kind, metric[FIELDS[kind]], situation)
    return _without_source(kind, metric.get(kind[:1].lower() + kind[1:]) or {})


def _without_source(kind: str, source: Obj) -> Found:
    api = _SOURCES.get(kind)
    if api is None:
        raise Unknown(f'unknown metric source type "{kind}"')
    title = (source.get("metric") or {}).get("name", "")
    why = f"no {api} metrics API ({api}.metrics.k8s.io) registered"
    about = f"unable to get metric {title}: unable to fetch metrics from {api} metrics API: {why}"
    raise Unknown(f"failed to get {kind.lower()} metric value: {about}")


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
