"""Pods and nodes as plugins see them: what every decision needs, worked out once instead of a thousand times."""

from __future__ import annotations

from collections import Counter
from typing import Any

from minikctl.api.meta import Obj
from minikctl.api.scheduling import (
    NO_EXECUTE,
    NO_SCHEDULE,
    PREFER_NO_SCHEDULE,
    Amounts,
    HostPort,
    amounts,
    host_ports,
    pod_requests,
)
from minikctl.api.volumes import claims_of_pod
from minikctl.scheduler.affinity import PodAffinity, pod_affinity

DEFAULT_MILLI_CPU, DEFAULT_MEMORY = 100, 200 * 1024 * 1024
"""What scoring assumes for a container that requests nothing, so that many such pods spread, too."""


class PodInfo:
    """A pod, whether it waits for a node or has one."""

    __slots__ = (
        "affinity",
        "claims",
        "labels",
        "name",
        "namespace",
        "nominated",
        "obj",
        "ports",
        "priority",
        "requests",
        "scored_cpu",
        "scored_memory",
        "spec",
        "terminating",
        "tolerations",
        "uid",
    )

    def __init__(self, obj: Obj):
        meta: Obj = obj["metadata"]
        self.obj = obj
        self.spec: Obj = obj.get("spec") or {}
        self.name: str = meta.get("name", "")
        self.namespace: str = meta.get("namespace", "")
        self.uid: str = meta.get("uid", "")
        self.labels: dict[str, str] = meta.get("labels") or {}
        self.terminating = bool(meta.get("deletionTimestamp"))
        self.priority: int = self.spec.get("priority") or 0
        self.tolerations: list[Obj] = self.spec.get("tolerations") or []
        self.requests: Amounts = pod_requests(self.spec)
        self.scored_cpu, self.scored_memory = _assumed_requests(self.spec, self.requests)
        self.ports: tuple[HostPort, ...] = host_ports(self.spec)
        self.affinity: PodAffinity = pod_affinity(self.spec, self.namespace)
        self.claims: tuple[str, ...] = _claims(self.spec, obj)
        """`namespace/name` of the claims that it mounts."""
        self.nominated = str((obj.get("status") or {}).get("nominatedNodeName") or "")
        """The node on which room was made for it."""

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def resource_version(self) -> str:
        return str(self.obj["metadata"].get("resourceVersion") or "")

    @property
    def best_effort(self) -> bool:
        return not self.requests

    @property
    def node_name(self) -> str:
        return str(self.spec.get("nodeName") or "")


def _claims(spec: Obj, obj: Obj) -> tuple[str, ...]:
    if not spec.get("volumes"):
        return ()
    namespace = obj["metadata"].get("namespace", "")
    return tuple(f"{namespace}/{use.name}" for use in claims_of_pod(obj))


def _assumed_requests(spec: Obj, requests: Amounts) -> tuple[int, int]:
    """CPU and memory with the assumed amounts for containers that do not say."""
    cpu, memory = requests.get("cpu", 0), requests.get("memory", 0)
    for container in spec.get("containers") or []:
        given = (container.get("resources") or {}).get("requests") or {}
        if "cpu" not in given:
            cpu += DEFAULT_MILLI_CPU
        if "memory" not in given:
            memory += DEFAULT_MEMORY
    return cpu, memory


class NodeInfo:
    """A node with everything that runs or is about to run on it. Changed by the cache only, between two decisions."""

    __slots__ = (
        "affine",
        "allocatable",
        "allowed_pods",
        "hard_taints",
        "images",
        "labels",
        "name",
        "obj",
        "pods",
        "ports",
        "requested",
        "scored_cpu",
        "scored_memory",
        "soft_taints",
        "unschedulable",
    )

    def __init__(self, name: str, obj: Obj | None = None):
        self.name = name
        self.obj: Obj | None = None
        self.pods: dict[str, PodInfo] = {}
        self.affine: dict[str, PodInfo] = {}
        """Those of the pods that have affinity terms."""
        self.requested: Amounts = {}
        self.scored_cpu = self.scored_memory = 0
        self.ports: Counter[HostPort] = Counter()
        self.labels: dict[str, str] = {}
        self.hard_taints: list[Obj] = []
        self.soft_taints: list[Obj] = []
        self.unschedulable = False
        self.allocatable: Amounts = {}
        self.allowed_pods = 0
        self.images: dict[str, int] = {}
        if obj is not None:
            self.set_node(obj)

    def set_node(self, obj: Obj) -> None:
        spec, status = obj.get("spec") or {}, obj.get("status") or {}
        taints: list[Obj] = spec.get("taints") or []
        self.obj = obj
        self.labels = obj["metadata"].get("labels") or {}
        self.hard_taints = [t for t in taints if t.get("effect") in (NO_SCHEDULE, NO_EXECUTE)]
        self.soft_taints = [t for t in taints if t.get("effect") == PREFER_NO_SCHEDULE]
        self.unschedulable = bool(spec.get("unschedulable"))
        self.allocatable = amounts(status.get("allocatable") or status.get("capacity"))
        self.allowed_pods = self.allocatable.get("pods", 0)
        self.images = {
            name: int(image.get("sizeBytes") or 0)
            for image in status.get("images") or []
            for name in image.get("names") or []
        }

    def add_pod(self, pod: PodInfo) -> None:
        self.pods[pod.uid] = pod
        if pod.affinity:
            self.affine[pod.uid] = pod
        self._count(pod, 1)

    def remove_pod(self, uid: str) -> PodInfo | None:
        pod = self.pods.pop(uid, None)
        if pod is not None:
            self.affine.pop(uid, None)
            self._count(pod, -1)
        return pod

    def _count(self, pod: PodInfo, sign: int) -> None:
        for name, amount in pod.requests.items():
            self.requested[name] = self.requested.get(name, 0) + sign * amount
        self.scored_cpu += sign * pod.scored_cpu
        self.scored_memory += sign * pod.scored_memory
        for port in pod.ports:
            self.ports[port] += sign
            if not self.ports[port]:
                del self.ports[port]


def same_for_scheduling(old: Obj, new: Obj) -> bool:
    """True when two versions of a waiting pod differ in nothing that a decision depends on (status, bookkeeping)."""

    def relevant(obj: Obj) -> Any:
        meta = obj["metadata"]
        return obj.get("spec"), meta.get("labels"), bool(meta.get("deletionTimestamp"))

    return bool(relevant(old) == relevant(new))
