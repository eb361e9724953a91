"""Metrics of adapters: Pods, Object and External metrics, from custom.metrics.k8s.io and external.metrics.k8s.io.

A cluster has them when somebody has registered such an API (an APIService); otherwise they are unknown, and the words
are Kubernetes'. Source: Kubernetes `pkg/controller/podautoscaler/replica_calculator.go`, `metrics/client.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from urllib.parse import quote, urlencode

from minikctl.api import quantity
from minikctl.api.durations import parse_time
from minikctl.api.meta import Obj, Objects
from minikctl.api.selectors import from_label_selector
from minikctl.controllers.horizontal_pod_autoscaler.replicas import Sample, Tolerances

CUSTOM, EXTERNAL = "custom.metrics.k8s.io", "external.metrics.k8s.io"
FIELDS = {"Pods": "pods", "Object": "object", "External": "external"}

Fetch = Callable[[str, str], Objects]
"""(group, path below its version) → the items of the list there. Raises Unknown."""
Resource = Callable[[str, str], tuple[str, bool]]
"""(apiVersion, kind) → (its resource with the group, whether it is in namespaces). Raises Unknown."""


@dataclass(frozen=True)
class Source:
    """Where metrics come from: `path` and `query` below a group's version."""

    group: str
    path: str
    query: tuple[tuple[str, str], ...] = ()

    @property
    def url(self) -> str:
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


def _selector(metric: Obj) -> str:
    return str(from_label_selector(metric["selector"])) if metric.get("selector") else ""


def _query(**given: str) -> tuple[tuple[str, str], ...]:
    return tuple((k, v) for k, v in given.items() if v)


def of_pods(metric: Obj, namespace: str, pods: str) -> Source:
    path = f"/namespaces/{namespace}/pods/*/{quote(metric['name'], safe='')}"
    return Source(CUSTOM, path, _query(labelSelector=pods, metricLabelSelector=_selector(metric)))


def of_object(metric: Obj, namespace: str, described: Obj, resource: Resource) -> Source:
    plural, namespaced = resource(described.get("apiVersion") or "v1", described["kind"])
    named = f"{plural}/{quote(described['name'])}"
    place = f"/namespaces/{namespace}/{named}" if namespaced else f"/{named}"
    if plural == "namespaces":
        place = f"/namespaces/{described['name']}/metrics"
    query = _query(metricLabelSelector=_selector(metric))
    return Source(CUSTOM, f"{place}/{quote(metric['name'], safe='')}", query)


def of_outside(metric: Obj, namespace: str) -> Source:
    path = f"/namespaces/{namespace}/{quote(metric['name'], safe='')}"
    return Source(EXTERNAL, path, _query(labelSelector=_selector(metric)))


# ---------------------------------------------------------------------- values


def samples(items: Objects) -> dict[str, Sample]:
    """By pod, from MetricValues."""
    return {
        i["describedObject"]["name"]: Sample(
            quantity.milli(str(i["value"])), parse_time(i["timestamp"]), float(i.get("windowSeconds") or 60)
        )
        for i in items
    }


def total(items: Objects) -> int:
    """In thousandths."""
    return sum(quantity.milli(str(i["value"])) for i in items)


def shown(metric: Obj) -> str:
    """A metric as Kubernetes writes it: `queue(nil)`, `queue(&LabelSelector{…})`."""
    return f"{metric['name']}({selector_words(metric.get('selector'))})"


def selector_words(selector: Obj | None) -> str:
    """A LabelSelector as Go prints it."""
    if selector is None:
        return "nil"
    labels = "".join(f"{k}: {v}," for k, v in sorted((selector.get("matchLabels") or {}).items()))
    expressions = "".join(
        f"LabelSelectorRequirement{{Key:{e['key']},Operator:{e['operator']},Values:[{' '.join(e.get('values') or [])}],}},"
        for e in selector.get("matchExpressions") or []
    )
    matched = f"MatchLabels:map[string]string{{{labels}}}"
    return f"&LabelSelector{{{matched},MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"


# ---------------------------------------------------------------------- replicas


def by_total(usage: int, target: int, current: int, ready: int, tolerances: Tolerances) -> int:
    """One value against one target: as many times the ready pods as the value is of the target."""
    ratio = usage / target
    if current == 0:
        return ceil(ratio)
    return current if tolerances.allow(ratio) else ceil(round(ratio * ready, 9))


def by_share(usage: int, target: int, running: int, tolerances: Tolerances) -> tuple[int, int]:
    """One value that the pods share: (replicas, the share of each). running: pods that the target has."""
    wanted = ceil(usage / target)
    if not running:
        return wanted, 0
    return (running if tolerances.allow(usage / (target * running)) else wanted), ceil(usage / running)
