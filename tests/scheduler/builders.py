"""Small pods and nodes for the scheduler's tests."""

from __future__ import annotations

from itertools import count
from typing import Any

from minikctl.api.meta import Obj
from minikctl.scheduler.cache import Cache
from minikctl.scheduler.framework import CycleState
from minikctl.scheduler.node_info import NodeInfo, PodInfo

_serial = count(1)


def pod_object(name: str = "web", *, labels: dict[str, str] | None = None, node: str = "", **spec: Any) -> Obj:
    requests = spec.pop("requests", None)
    containers = spec.pop("containers", None) or [
        {"name": "c", "image": "nginx", **({"resources": {"requests": requests}} if requests else {})}
    ]
    meta = {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": str(next(_serial))}
    if labels:
        meta["labels"] = labels  # type: ignore[assignment]
    full: Obj = {"schedulerName": "default-scheduler", "containers": containers, **spec}
    if node:
        full["nodeName"] = node
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": full, "status": {"phase": "Pending"}}


def pod(name: str = "web", **spec: Any) -> PodInfo:
    return PodInfo(pod_object(name, **spec))


def node_object(
    name: str = "node-1",
    *,
    labels: dict[str, str] | None = None,
    taints: list[Obj] | None = None,
    unschedulable: bool = False,
    allocatable: dict[str, str] | None = None,
    images: list[Obj] | None = None,
) -> Obj:
    spec: Obj = {}
    if taints:
        spec["taints"] = taints
    if unschedulable:
        spec["unschedulable"] = True
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/hostname": name, **(labels or {})},
            "resourceVersion": str(next(_serial)),
        },
        "spec": spec,
        "status": {
            "allocatable": allocatable or {"cpu": "4", "memory": "8Gi", "pods": "110"},
            **({"images": images} if images else {}),
        },
    }


def node(name: str = "node-1", pods: list[PodInfo] | None = None, **fields: Any) -> NodeInfo:
    info = NodeInfo(name, node_object(name, **fields))
    for each in pods or []:
        info.add_pod(each)
    return info


def cluster(nodes: list[Obj], pods: list[Obj] | None = None) -> CycleState:
    """A cycle over a cache with these nodes and placed pods."""
    cache = Cache()
    for each in nodes:
        cache.set_node(each)
    for placed in pods or []:
        cache.set_pod(PodInfo(placed))
    return CycleState(cache)
