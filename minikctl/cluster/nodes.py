"""Nodes that come and go while the cluster runs. What is wanted stands in cluster.json; the supervisor follows it.

Every change is made under the start lock, so that two commands never write the file at once.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minikctl.client import state_dir as state
from minikctl.client.state_dir import Cluster
from minikctl.cluster import layout, start
from minikctl.util.errors import EnvironmentProblem, UsageError
from minikctl.util.sockets import connect_unix

if TYPE_CHECKING:
    from minikctl.kubelet.node import NodeConfig

ZONE = "topology.kubernetes.io/zone"
SECONDS = 30.0


def config(cluster: Cluster, node: str) -> NodeConfig:
    """What the kubelet of a node is told."""
    from minikctl.kubelet.node import NodeConfig

    given = cluster.added.get(node) or {}
    zone = {ZONE: given["zone"]} if given.get("zone") else {}
    return NodeConfig(
        node,
        index=cluster.node_index(node),
        labels={**(given.get("labels") or {}), **zone},
        max_pods=int(given.get("pods") or 110),
        resources={k: given[k] for k in ("cpu", "memory") if given.get(k)},
        reserved=given.get("reserved") or {},
        taints=tuple(given.get("taints") or ()),
    )


# ---------------------------------------------------------------------- what is wanted


def with_added(cluster: Cluster, name: str, given: Mapping[str, Any]) -> tuple[Cluster, str]:
    """With one node more, and its name. Raises UsageError. Pure."""
    names = cluster.node_names()
    if name in names:
        raise UsageError(f"node {name} is there already")
    indexes = {cluster.node_index(n) for n in names} | set(range(1, cluster.nodes + 1))
    index = next(i for i in range(1, len(indexes) + 2) if i not in indexes)
    name = name or f"node-{index}"
    if name in names:  # an added one has the name that would come next
        index = next(i for i in range(1, 10**6) if i not in indexes and f"node-{i}" not in names)
        name = f"node-{index}"
    settings = {"index": index, "simulated": cluster.simulated, **given}
    return cluster.with_(added={**cluster.added, name: settings}), name


def with_removed(cluster: Cluster, name: str) -> Cluster:
    """Without a node. Raises UsageError. Pure."""
    _known(cluster, name)
    stopped = [n for n in cluster.stopped if n != name]
    if name in cluster.added:
        return cluster.with_(added={k: v for k, v in cluster.added.items() if k != name}, stopped=stopped)
    return cluster.with_(removed=[*cluster.removed, name], stopped=stopped)


def with_stopped(cluster: Cluster, name: str) -> Cluster:
    """With a node switched off. Raises UsageError. Pure."""
    _known(cluster, name)
    if name in cluster.stopped:
        raise UsageError(f"node {name} is stopped already")
    return cluster.with_(stopped=[*cluster.stopped, name])


def with_started(cluster: Cluster, name: str) -> Cluster:
    """With a node switched on again. Raises UsageError. Pure."""
    _known(cluster, name)
    if name not in cluster.stopped:
        raise UsageError(f"node {name} is not stopped")
    return cluster.with_(stopped=[n for n in cluster.stopped if n != name])


def _known(cluster: Cluster, name: str) -> None:
    if name not in cluster.node_names():
        raise UsageError(f"no node of this cluster is called {name}; there are {', '.join(cluster.node_names())}")


# ---------------------------------------------------------------------- carrying it out


def change(state_dir: Path, decide: Callable[[Cluster], Cluster]) -> Cluster:
    """Write what is wanted and have the supervisor follow. Raises UsageError, EnvironmentProblem."""
    with start.start_lock(state_dir):
        cluster = state.load(state_dir)
        if cluster is None:
            raise EnvironmentProblem(f"there is no cluster in {state_dir}")
        wanted = decide(cluster)
        state.save(state_dir, wanted)
        supervisor = start.supervisor(state_dir)
        if supervisor is not None and supervisor.alive:
            supervisor.send(signal.SIGHUP)
    return wanted


def wait_gone(state_dir: Path, name: str) -> None:
    """Until nobody speaks for the node any more. Raises EnvironmentProblem."""
    _wait(lambda: not _has_agent(state_dir, name), f"the agent of {name} does not end; see {state_dir}/run")


def wait_ready(state_dir: Path, name: str) -> None:
    """Until a node is Ready and its agent answers; at once when the cluster does not run. Raises EnvironmentProblem."""
    if start.is_running(state_dir):
        problem = f"{name} does not become ready; see `minikctl cluster logs` and {state_dir}/run"
        _wait(lambda: _has_agent(state_dir, name) and name in start.ready_nodes(state_dir), problem)


def _has_agent(state_dir: Path, name: str) -> bool:
    """Whether somebody listens where the node's kubelet does."""
    try:
        connect_unix(state_dir / "run" / f"{layout.KUBELET}-{name}.sock", 1.0).close()
    except OSError:
        return False
    return True


def _wait(condition: Callable[[], bool], problem: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise EnvironmentProblem(problem)
        time.sleep(0.02)
