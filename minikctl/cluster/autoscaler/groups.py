"""Node groups and settings, as cluster.json has them, and the node that a group would make. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from minikctl.api.meta import Obj
from minikctl.client.state_dir import Cluster

GROUP_LABEL = "minikctl.io/nodegroup"
EXPANDERS = ("least-waste", "most-pods", "random")


@dataclass(frozen=True, slots=True)
class Settings:
    """Seconds; the defaults are the cluster autoscaler's own."""

    scan_interval: float = 10.0
    scale_down_unneeded_time: float = 600.0
    scale_down_delay_after_add: float = 600.0
    scale_down_utilization_threshold: float = 0.5
    max_graceful_termination: float = 600.0
    expander: str = "least-waste"


@dataclass(frozen=True, slots=True)
class Group:
    """`node` is what `cluster node add` would be given."""

    name: str
    min: int
    max: int
    node: Mapping[str, Any] = field(default_factory=dict)


def read(cluster: Cluster) -> tuple[list[Group], Settings]:
    given = cluster.autoscaler
    groups = [Group(n, int(g["min"]), int(g["max"]), g.get("node") or {}) for n, g in given.get("groups", {}).items()]
    return groups, Settings(**given.get("settings", {}))


def with_group(cluster: Cluster, group: Group, settings: Mapping[str, Any]) -> Cluster:
    """With a group more, or another one of its name; `settings` are those that were given."""
    groups = {**cluster.autoscaler.get("groups", {})}
    groups[group.name] = {"min": group.min, "max": group.max, "node": dict(group.node)}
    kept = {**cluster.autoscaler.get("settings", {}), **settings}
    default = asdict(Settings())
    kept = {k: v for k, v in kept.items() if v != default[k]}
    return cluster.with_(autoscaler={"groups": groups, "settings": kept})


def without_group(cluster: Cluster, name: str) -> Cluster:
    """Its nodes stay. Without any group there is no autoscaler."""
    groups = {k: v for k, v in cluster.autoscaler.get("groups", {}).items() if k != name}
    return cluster.with_(autoscaler={**cluster.autoscaler, "groups": groups} if groups else {})


def members(cluster: Cluster, group: str) -> list[str]:
    """The nodes of a group, whether they have registered or not."""
    return [n for n, given in cluster.added.items() if given.get("group") == group]


def node_settings(group: Group) -> dict[str, Any]:
    """What cluster.json says of a node that a group makes."""
    labels = {**(group.node.get("labels") or {}), GROUP_LABEL: group.name}
    return {**group.node, "labels": labels, "group": group.name}


def new_name(group: Group, rng: random.Random) -> str:
    return f"{group.name}-{''.join(rng.choices('bcdfghjklmnpqrstvwxz2456789', k=5))}"


def template(group: Group, name: str) -> Obj:
    """The Node that a group would make, as the scheduler would see it."""
    from datetime import UTC, datetime

    from minikctl.kubelet.machine import simulated_machine, this_machine
    from minikctl.kubelet.node import NodeConfig, node_object

    given = node_settings(group)
    zone = {"topology.kubernetes.io/zone": given["zone"]} if given.get("zone") else {}
    config = NodeConfig(
        name,
        labels={**given["labels"], **zone},
        max_pods=int(given.get("pods") or 110),
        resources={k: given[k] for k in ("cpu", "memory") if given.get(k)},
        reserved=given.get("reserved") or {},
        taints=tuple(given.get("taints") or ()),
    )
    machine = simulated_machine(1) if given.get("simulated") else this_machine()
    return node_object(config, machine, "", (), datetime.now(UTC))
