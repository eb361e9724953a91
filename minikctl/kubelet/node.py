"""The Node object and its Lease: what a node is, what it has, how it is. Pure functions.

Source: Kubernetes concept "Nodes", "Leases"; kubelet `nodestatus/setters.go`, `kubelet_node_status.go`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from minikctl import KUBERNETES_VERSION
from minikctl.api import quantity
from minikctl.api.meta import Obj, find_condition, micro_timestamp, name, timestamp, uid
from minikctl.api.validation.resources import is_extended
from minikctl.kubelet.machine import Machine
from minikctl.runtime.interface import ImageStatus

LEASE_NAMESPACE = "kube-node-lease"
LEASE_SECONDS, LEASE_PERIOD, STATUS_PERIOD = 40, 10.0, 300.0
READY_MESSAGE = "kubelet is posting ready status"
MOST_IMAGES, MOST_IMAGE_NAMES = 50, 5
_HEALTHY = (
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
)
_UNDER_PRESSURE = {
    "MemoryPressure": ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
    "DiskPressure": ("KubeletHasDiskPressure", "kubelet has disk pressure"),
    "PIDPressure": ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
}
NO_PRESSURE: frozenset[str] = frozenset()
POLICY = "NetworkPolicyEnforced"
"""The proxy's, too, for nodes of the cluster network (`proxy/policy/conditions.py`)."""
_SHARED_NETWORK = ("RuntimeHasNoNetwork", "pods share the network of this machine: no NetworkPolicy is enforced")


@dataclass(frozen=True)
class NodeConfig:
    """One node: its number in the cluster (from 1), its range of pod addresses, labels beyond the usual ones."""

    name: str
    index: int = 1
    pod_cidr: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    max_pods: int = 110
    resources: Mapping[str, str] = field(default_factory=dict)
    """Quantities that the node has instead of the machine's: cpu, memory, …"""
    reserved: Mapping[str, str] = field(default_factory=dict)
    """Quantities that are kept for the system: allocatable is what is left."""
    taints: Sequence[Obj] = ()
    """What it registers with; later they are the cluster's."""


def default_labels(node: str, machine: Machine) -> dict[str, str]:
    arch, system = machine.architecture, machine.operating_system
    return {
        "beta.kubernetes.io/arch": arch,
        "beta.kubernetes.io/os": system,
        "kubernetes.io/arch": arch,
        "kubernetes.io/hostname": node,
        "kubernetes.io/os": system,
    }


def node_object(
    config: NodeConfig, machine: Machine, runtime_version: str, limits: Sequence[str], now: datetime
) -> Obj:
    """The Node as it registers."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": config.name,
            "labels": {**default_labels(config.name, machine), **config.labels},
            "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
        },
        "spec": {
            "podCIDR": config.pod_cidr,
            "podCIDRs": [config.pod_cidr],
            **({"taints": list(config.taints)} if config.taints else {}),
        },
        "status": node_status({}, config, machine, runtime_version, limits, now),
    }


def storage_object(node: Obj) -> Obj:
    """The CSINode of a node, which goes with it: no driver has registered."""
    meta = node["metadata"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": meta["name"], "uid": meta["uid"]}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSINode",
        "metadata": {"name": meta["name"], "ownerReferences": [owner]},
        "spec": {"drivers": []},  # Go's null would stop clients that hold the list for required
    }


def registered_again(node: Obj, config: NodeConfig, machine: Machine) -> Obj | None:
    """What to write when the Node exists already, None when nothing is to be changed."""
    labels = node["metadata"].get("labels") or {}
    wanted = {**default_labels(config.name, machine), **config.labels}
    spec = node.get("spec") or {}
    cidr = {"podCIDR": config.pod_cidr, "podCIDRs": [config.pod_cidr]}
    if wanted.items() <= labels.items() and cidr.items() <= spec.items():
        return None
    meta = {**node["metadata"], "labels": {**labels, **wanted}}
    return {**node, "metadata": meta, "spec": {**cidr, **spec} if spec.get("podCIDR") else {**spec, **cidr}}


def node_status(
    before: Obj,
    config: NodeConfig,
    machine: Machine,
    runtime_version: str,
    limits: Sequence[str],
    now: datetime,
    pressures: Collection[str] = NO_PRESSURE,
    shares_network: bool = False,
    not_ready: str = "",
) -> Obj:
    """The kubelet's part of the status. `limits` say what the runtime cannot do; `pressures` are conditions;
    shares_network: pods are on the machine's own network; not_ready: why it is not ready, if it is not.

    Extended resources that others put into the capacity stay there, and what is there can be allocated.
    """
    disk = quantity.from_bytes(machine.disk // 1024 * 1024)
    advertised = {k: v for k, v in (before.get("capacity") or {}).items() if is_extended(k)}
    capacity = {
        **advertised,
        "cpu": str(machine.cpu),
        "ephemeral-storage": f"{machine.disk // 1024}Ki",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": f"{machine.memory // 1024}Ki",
        "pods": str(config.max_pods),
        **config.resources,
    }
    return {
        **{k: v for k, v in before.items() if k not in ("phase",)},
        "capacity": capacity,
        "allocatable": {**capacity, "ephemeral-storage": disk, **_left(capacity, config.reserved)},
        "conditions": conditions(before.get("conditions") or [], limits, now, pressures, shares_network, not_ready),
        "addresses": [
            {"type": "InternalIP", "address": machine.address},
            {"type": "Hostname", "address": config.name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
        "nodeInfo": {
            "machineID": machine.machine_id,
            "systemUUID": machine.system_uuid,
            "bootID": machine.boot_id,
            "kernelVersion": machine.kernel,
            "osImage": machine.os_image,
            "containerRuntimeVersion": runtime_version,
            "kubeletVersion": KUBERNETES_VERSION,
            "kubeProxyVersion": "",
            "operatingSystem": machine.operating_system,
            "architecture": machine.architecture,
        },
    }


def _left(capacity: Mapping[str, str], reserved: Mapping[str, str]) -> dict[str, str]:
    """What the system leaves of each resource that it keeps something of."""
    left = {}
    for resource, kept in reserved.items():
        if resource == "cpu":
            left[resource] = f"{max(quantity.milli(capacity[resource]) - quantity.milli(kept), 0)}m"
        else:
            left[resource] = f"{max(quantity.value(capacity[resource]) - quantity.value(kept), 0) // 1024}Ki"
    return left


def conditions(
    before: list[Obj],
    limits: Sequence[str],
    now: datetime,
    pressures: Collection[str] = NO_PRESSURE,
    shares_network: bool = False,
    not_ready: str = "",
) -> list[Obj]:
    """The kubelet's conditions with a new heartbeat, and those of others as they stand."""
    wanted = [
        (kind, "True", *_UNDER_PRESSURE[kind]) if kind in pressures else (kind, "False", reason, message)
        for kind, reason, message in _HEALTHY
    ]
    if limits:
        wanted.append(("ContainersIsolated", "False", "RuntimeLimitations", "; ".join(limits)))
    if shares_network:
        wanted.append((POLICY, "False", *_SHARED_NETWORK))
    ready = ("False", "KubeletNotReady", not_ready) if not_ready else ("True", "KubeletReady", READY_MESSAGE)
    wanted.append(("Ready", *ready))
    own = {w[0] for w in wanted}
    gone = (POLICY, _SHARED_NETWORK[0])
    kept = [c for c in before if c["type"] not in own and (c["type"], c.get("reason")) != gone]
    return kept + [_condition(before, *w, now) for w in wanted]


def _condition(before: list[Obj], kind: str, status: str, reason: str, message: str, now: datetime) -> Obj:
    old = find_condition(before, kind)
    changed = timestamp(now) if old is None or old.get("status") != status else old["lastTransitionTime"]
    return {
        "type": kind,
        "status": status,
        "lastHeartbeatTime": timestamp(now),
        "lastTransitionTime": changed,
        "reason": reason,
        "message": message,
    }


_NEWS = {
    ("MemoryPressure", "True"): "NodeHasInsufficientMemory",
    ("MemoryPressure", "False"): "NodeHasSufficientMemory",
    ("DiskPressure", "True"): "NodeHasDiskPressure",
    ("DiskPressure", "False"): "NodeHasNoDiskPressure",
    ("PIDPressure", "True"): "NodeHasInsufficientPID",
    ("PIDPressure", "False"): "NodeHasSufficientPID",
    ("Ready", "True"): "NodeReady",
    ("Ready", "False"): "NodeNotReady",
}


def news(before: Iterable[Obj], after: Iterable[Obj]) -> list[str]:
    """The Events' reasons for the conditions that are not what they were. Source: kubelet `nodestatus/setters.go`."""
    known = {(c["type"], c.get("status")) for c in before}
    fresh = [(c["type"], c.get("status")) for c in after]
    return [_NEWS[c] for c in fresh if c in _NEWS and c not in known]


def images(found: Iterable[ImageStatus]) -> list[Obj]:
    """The largest images of a node, as its status lists them. Source: kubelet `nodestatus/setters.go` (Images)."""
    largest = sorted(found, key=lambda i: (-i.size, i.tags))[:MOST_IMAGES]
    return [{"names": [i.ref, *i.tags][:MOST_IMAGE_NAMES], "sizeBytes": i.size} for i in largest]


def same_status(one: Obj, other: Obj) -> bool:
    """Whether two statuses differ in nothing but heartbeats."""

    def stripped(status: Obj) -> Obj:
        found = [{k: v for k, v in c.items() if k != "lastHeartbeatTime"} for c in status.get("conditions") or []]
        return {**status, "conditions": found}

    return stripped(one) == stripped(other)


def lease(node: Obj, now: datetime) -> Obj:
    """The Lease that says that the node is alive."""
    owner = {"apiVersion": "v1", "kind": "Node", "name": name(node), "uid": uid(node)}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name(node), "namespace": LEASE_NAMESPACE, "ownerReferences": [owner]},
        "spec": {
            "holderIdentity": name(node),
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": micro_timestamp(now),
        },
    }
