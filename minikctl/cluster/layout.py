"""The processes of a cluster: their names, files and titles."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from minikctl.client.state_dir import Cluster

SUPERVISOR = "supervisor"
NETWORK = "network"
API_SERVER = "apiserver"
CONTROLLER_MANAGER = "controller-manager"
SCHEDULER = "scheduler"
"""A process of its own with several control planes only; with one, the controller manager runs it."""
GITOPS = "gitops"
"""While this addon is enabled."""
AUTOSCALER = "cluster-autoscaler"
"""While there are node groups."""
PROXY = "proxy"
PROXY_HOST = "proxy-host"
"""Its listeners on the host's loopback, which outlive it."""
INGRESS = "ingress"
KUBELET = "kubelet"
SIMULATED = "simulated-nodes"


@dataclass(frozen=True, slots=True)
class Component:
    """A child of the supervisor. `nodes` are those that a kubelet agent is responsible for."""

    name: str
    nodes: tuple[str, ...] = ()
    simulated: bool = False
    plane: int = 0
    """Of which of several control planes it is a part; 0 when there is one, or none is meant."""

    network: bool = False
    """Pods have a network of their own, in which it is to be found, too."""

    @property
    def role(self) -> str:
        """What it does, of whichever control plane it is."""
        return self.name.removesuffix(f"-{self.plane}") if self.plane else self.name

    @property
    def title(self) -> str:
        """What `ps` shows."""
        return f"minikctl: {self.shown}"

    @property
    def shown(self) -> str:
        if not self.nodes:
            return self.name
        return f"{KUBELET} {SIMULATED}" if self.simulated else f"{KUBELET} {self.nodes[0]}"


def components(cluster: Cluster, *, network: bool = False, demanded: Collection[str] = ()) -> list[Component]:
    """Everything that the supervisor keeps alive: one agent a node, and one for all simulated nodes. The cluster
    network comes first, since agents ask whether there is one. `demanded`: see `on_demand`."""
    names = cluster.running_nodes()
    simulated = tuple(n for n in names if cluster.is_simulated(n))
    agents = [Component(f"{KUBELET}-{n}", (n,)) for n in names if n not in simulated]
    if simulated:
        agents.append(Component(f"{KUBELET}-{SIMULATED}", simulated, True))
    first = [Component(NETWORK)] if network else []
    scaling = [Component(AUTOSCALER)] if cluster.autoscaler.get("groups") else []
    addons = [Component(GITOPS)] if GITOPS in cluster.addons else []
    proxy = [Component(PROXY_HOST), Component(PROXY)] if network or PROXY in demanded else []
    ingress = [Component(INGRESS)] if INGRESS in demanded else []
    plane = [replace(c, network=network and c.role == API_SERVER) for c in control_plane(cluster.controlPlanes)]
    return [*first, *plane, *scaling, *addons, *agents, *proxy, *ingress]


def control_plane(count: int) -> list[Component]:
    """One control plane is two processes. Of several, each has a scheduler of its own, too, which may lead while the
    controller manager beside it does not."""
    if count == 1:
        return [Component(API_SERVER), Component(CONTROLLER_MANAGER)]
    roles = (API_SERVER, CONTROLLER_MANAGER, SCHEDULER)
    return [Component(f"{role}-{i}", plane=i) for role in roles for i in range(1, count + 1)]


def pid_file(state_dir: Path, component: str) -> Path:
    return state_dir / "run" / f"{component}.pid"


def log_file(state_dir: Path, component: str) -> Path:
    return state_dir / "run" / f"{component}.log"


def known(state_dir: Path) -> list[str]:
    """The components that have left a pid file, the supervisor first."""
    names = sorted(p.stem for p in (state_dir / "run").glob("*.pid"))
    return sorted(names, key=lambda n: ([not n.startswith(f) for f in (SUPERVISOR, API_SERVER, CONTROLLER_MANAGER)], n))
