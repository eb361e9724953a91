"""metrics.k8s.io: what pods and nodes use at the moment, asked of the nodes' kubelets when somebody wants to know.

Source: the metrics API of kubernetes-sigs/metrics-server. There is no scraping in between: the kubelets themselves keep
what a rate needs. A node that cannot be reached has no metrics, and neither have pods that do not run.

The group is served while the APIService `v1beta1.metrics.k8s.io` exists. The first node with real containers brings it
(`controllers/metrics_registration.py`); on a cluster of simulated nodes it can be created by hand.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from minikctl.api import quantity
from minikctl.api.durations import format_go_duration
from minikctl.api.errors import ApiError, not_found
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, Objects, labels_of, name, timestamp

if TYPE_CHECKING:
    from minikctl.apiserver.server import APIServer

NODES = "NodeMetrics"


def get(api: APIServer, kind: Kind, namespace: str, wanted: str) -> Obj:
    """Raises ApiError NotFound, also for what exists and has no metrics."""
    if kind.kind == NODES:
        node = api.read("nodes", "", wanted)
        found = [_of_node(api, kind, node, _ask(api, wanted))] if node else []
    else:
        pod = api.read("pods", namespace, wanted)
        measured = _ask(api, pod["spec"]["nodeName"]) if pod and pod["spec"].get("nodeName") else None
        found = [_of_pod(kind, pod, m) for m in measured or [] if pod and _place(m) == (namespace, wanted)]
    for metrics in found:
        if metrics is not None:
            return metrics
    raise not_found(kind.plural, kind.group, wanted if kind.kind == NODES else f"{namespace}/{wanted}")


def all_of(api: APIServer, kind: Kind, namespace: str) -> Objects:
    """Everything there are metrics of, sorted by name."""
    nodes = sorted(api.read_all("nodes"), key=name)
    if kind.kind == NODES:
        found = [_of_node(api, kind, node, _ask(api, name(node))) for node in nodes]
        return [m for m in found if m is not None]
    pods = {(p["metadata"]["namespace"], name(p)): p for p in api.read_all("pods", namespace)}
    hosts = {p["spec"].get("nodeName") for p in pods.values()}
    measured = [m for node in nodes if name(node) in hosts for m in _ask(api, name(node)) or []]
    return [_of_pod(kind, pods[_place(m)], m) for m in sorted(measured, key=_place) if _place(m) in pods]


def _place(measured: Obj) -> tuple[str, str]:
    return measured["namespace"], measured["name"]


def _ask(api: APIServer, node: str) -> Objects | None:
    """What a node's kubelet has measured; None when it does not answer."""
    from minikctl.apiserver.kubelet_client import Call, open_call
    from minikctl.util.frames import STDOUT, FrameError

    document = b""
    try:
        connection = open_call(api, Call(node, {"op": "usage"}, "metrics/resource"))
        try:
            while (frame := connection.recv()) is not None:
                document += frame[1] if frame[0] == STDOUT else b""
        finally:
            connection.close()
        pods: Objects = json.loads(document)["pods"]
    except (ApiError, OSError, FrameError, ValueError):
        return None
    return pods


def _of_pod(kind: Kind, pod: Obj, measured: Obj) -> Obj:
    metadata = {
        "name": name(pod),
        "namespace": pod["metadata"]["namespace"],
        "creationTimestamp": measured["timestamp"],
    }
    if labels_of(pod):
        metadata["labels"] = labels_of(pod)
    return {
        "kind": kind.kind,
        "apiVersion": kind.api_version,
        "metadata": metadata,
        "timestamp": measured["timestamp"],
        "window": format_go_duration(round(measured["window"], 3)),
        "containers": measured["containers"],
    }


def _of_node(api: APIServer, kind: Kind, node: Obj, measured: Objects | None) -> Obj | None:
    """The sum of its containers'."""
    if measured is None:
        return None
    usages = [c["usage"] for m in measured for c in m["containers"]]
    cpu = sum(quantity.parse(u["cpu"]) for u in usages)
    memory = sum(quantity.parse(u["memory"]) for u in usages)
    now = timestamp(api.clock.now())
    metadata: Obj = {"name": name(node), "creationTimestamp": now}
    if labels_of(node):
        metadata["labels"] = labels_of(node)
    return {
        "kind": kind.kind,
        "apiVersion": kind.api_version,
        "metadata": metadata,
        "timestamp": now,
        "window": format_go_duration(round(min((m["window"] for m in measured), default=15.0), 3)),
        "usage": {"cpu": f"{cpu}n", "memory": f"{memory // quantity.NANO // 1024}Ki"},
    }
