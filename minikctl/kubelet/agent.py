"""The process of a node: one kubelet on a real runtime, or the kubelets of many simulated nodes.

It ends on SIGTERM and SIGINT and leaves the containers running; the next agent finds them. `kill_everything` is for
when they are to end too. SIGTERM says that the node stops: where its settings want that, its pods are ended first (see
`shutdown`).
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from minikctl.api.errors import ApiError
from minikctl.client import Client, reacting_to
from minikctl.client.local import LocalClient
from minikctl.client.workqueue import WorkQueue
from minikctl.kubelet import settings
from minikctl.kubelet.eviction.manager import EvictionManager
from minikctl.kubelet.kubelet import Kubelet
from minikctl.kubelet.machine import Machine, simulated_machine, this_machine
from minikctl.kubelet.node import LEASE_PERIOD, STATUS_PERIOD, NodeConfig
from minikctl.kubelet.server import Server
from minikctl.kubelet.settings import Settings
from minikctl.kubelet.static_pods import StaticPods
from minikctl.runtime.interface import Runtime
from minikctl.util.clock import Clock, SystemClock
from minikctl.util.signals import StopSignal

if TYPE_CHECKING:
    from minikctl.runtime.process.runtime import ProcessRuntime

log = logging.getLogger("kubelet")
RUNTIME = "MINIKCTL_RUNTIME"
WORKERS = 4
QUIET = frozenset({"Conflict", "NotFound", "AlreadyExists"})


class Agent:
    """The kubelets of one process on one queue. `start`, then `stop`; tests drive it without a process."""

    def __init__(
        self,
        client: Client,
        kubelets: Sequence[Kubelet],
        queue: WorkQueue,
        server: Server,
        clock: Clock | None = None,
    ):
        self.client, self.queue, self.server = client, queue, server
        self.kubelets = {k.name: k for k in kubelets}
        self.clock = clock or SystemClock()
        self._threads: list[threading.Thread] = []
        self._stopped = threading.Event()

    def start(self) -> None:
        for kubelet in self.kubelets.values():
            kubelet.start()
            self.server.add(kubelet)
        self.server.start()
        for i in range(WORKERS):
            self._spawn(self._work, f"pod-worker-{i}")
        self._spawn(self._beat, "heartbeat")

    def _spawn(self, target: object, name: str) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)  # type: ignore[arg-type]
        thread.start()
        self._threads.append(thread)

    def stop(self) -> None:
        if self._stopped.is_set():
            return
        self._stopped.set()
        self.server.stop()
        self.queue.shut_down()
        for thread in self._threads:
            thread.join(timeout=5)
        for kubelet in self.kubelets.values():
            kubelet.stop()

    def shut_down(self) -> None:
        """The node stops: end its pods first, if it is to."""
        for kubelet in self.kubelets.values():
            kubelet.shutdown.run()

    def process(self, key: str, because: int | None) -> None:
        """One sync; tests call it without threads."""
        node, _, pod_uid = key.partition("/")
        try:
            with reacting_to(because):
                again = self.kubelets[node].sync(pod_uid)
        except ApiError as e:
            if e.reason not in QUIET:
                log.warning("%s: %s", key, e.message)
            self.queue.add_rate_limited(key, because)
        except Exception:
            log.exception("%s", key)
            self.queue.add_rate_limited(key, because)
        else:
            self.queue.forget(key)
            if again is not None:
                self.queue.add_after(key, again, because)
        finally:
            self.queue.done(key)

    def drain(self, limit: int = 1000) -> int:
        """Work off what is due in this thread, for tests."""
        done = 0
        while done < limit and (item := self.queue.get(timeout=0)) is not None:
            self.process(*item)
            done += 1
        return done

    def _work(self) -> None:
        while (item := self.queue.get()) is not None:
            self.process(*item)

    def _beat(self) -> None:
        """Leases every ten seconds, spread over them; node statuses every five minutes."""
        last = self.clock.monotonic()
        step = LEASE_PERIOD / max(len(self.kubelets), 1)
        while True:
            for kubelet in self.kubelets.values():
                if self._stopped.wait(step):
                    return
                kubelet.heartbeat()
            if self.clock.monotonic() - last >= STATUS_PERIOD:
                last = self.clock.monotonic()
                for kubelet in self.kubelets.values():
                    try:
                        kubelet.node.report(force=True)
                    except ApiError as e:
                        log.warning("%s: cannot report the node's status: %s", kubelet.name, e.message)


def make_agent(
    client: Client, state_dir: Path, nodes: Sequence[NodeConfig], *, simulated: bool, clock: Clock | None = None
) -> Agent:
    """An agent for these nodes, not started yet. Real nodes are one a process, because they share a machine."""
    queue = WorkQueue("kubelet")
    kubelets = []
    for config in nodes:
        own = Settings() if simulated else settings.load(state_dir, config.name)
        config, machine, runtime = _equip(state_dir, config, simulated, clock, own)
        kubelet = Kubelet(client, config, machine, runtime, queue, clock, own)
        if not simulated:
            kubelet.eviction = EvictionManager(kubelet, state_dir)
            kubelet.static = StaticPods(kubelet, settings.manifests(state_dir, config.name, own))
        kubelets.append(kubelet)
    return Agent(client, kubelets, queue, Server(state_dir), clock)


def _equip(
    state_dir: Path, config: NodeConfig, simulated: bool, clock: Clock | None, own: Settings
) -> tuple[NodeConfig, Machine, Runtime]:
    """The runtime of a node, and its range of pod addresses. The sandbox runtime where it works; $MINIKCTL_RUNTIME
    says `process` or `sandbox` for those who insist."""
    if simulated:
        from minikctl.runtime.network.addresses import pod_range
        from minikctl.runtime.simulated import SimulatedRuntime

        cidr = config.pod_cidr or pod_range(config.index)
        return replace(config, pod_cidr=cidr), simulated_machine(config.index), SimulatedRuntime(cidr, clock=clock)
    machine = this_machine(state_dir)
    asked = os.environ.get(RUNTIME, "")
    refused = "" if asked == "process" else _refused(state_dir)
    if asked == "process" or (refused and asked != "sandbox"):
        from minikctl.runtime.process.runtime import ProcessRuntime

        if refused:
            log.warning("containers run without a sandbox: %s", refused)
        cidr = config.pod_cidr or _loopback_range(state_dir, config.index)
        runtime = ProcessRuntime(state_dir, config.name, cidr, host_ip=machine.address, clock=clock)
    else:
        cidr, machine, runtime = _sandbox(state_dir, config, machine, clock)
    runtime.log_size, runtime.log_files = own.container_log_max_size, own.container_log_max_files
    return replace(config, pod_cidr=cidr), machine, runtime


def _refused(state_dir: Path) -> str:
    from minikctl.runtime.sandbox import bwrap

    return bwrap.probe(state_dir / "run")


def _sandbox(
    state_dir: Path, config: NodeConfig, machine: Machine, clock: Clock | None
) -> tuple[str, Machine, ProcessRuntime]:
    """With addresses in the cluster network, where there is one: the machine then has the node's there."""
    from minikctl.runtime.network.addresses import node_address, pod_range
    from minikctl.runtime.network.client import ClusterNetwork
    from minikctl.runtime.sandbox.runtime import SandboxRuntime

    network = ClusterNetwork.open(state_dir)
    if network is None:
        log.warning("pods share the machine's loopback network: the cluster has no network of its own")
        cidr = config.pod_cidr or _loopback_range(state_dir, config.index)
    else:
        cidr = config.pod_cidr or pod_range(config.index)
        machine = replace(machine, address=node_address(config.index))
    runtime = SandboxRuntime(state_dir, config.name, cidr, host_ip=machine.address, clock=clock, network=network)
    return cidr, machine, runtime


def _loopback_range(state_dir: Path, index: int) -> str:
    from minikctl.runtime.addresses import cluster_range

    return cluster_range(_cluster_uid(state_dir), index)


def _cluster_uid(state_dir: Path) -> str:
    """What makes this cluster's addresses different from those of others on the machine."""
    from minikctl.client.state_dir import load

    cluster = load(state_dir)
    return cluster.uid if cluster else str(state_dir.resolve())


def kill_everything(state_dir: str | Path, node: str = "") -> int:
    """End all containers of a cluster, or of one node, whether an agent runs or not; the number of processes. Stop the
    agents first."""
    from minikctl.runtime.process import killing

    return killing.kill_everything(state_dir, node)


def run_agent(state_dir: str | Path, nodes: Sequence[NodeConfig], simulated: bool = False) -> int:
    """The agent's whole life, until SIGTERM or SIGINT: the supervisor calls this in a process of its own."""
    stop = StopSignal()
    client = LocalClient.open(str(state_dir), actor="kubelet", create=False)
    agent = make_agent(client, Path(state_dir), nodes, simulated=simulated)
    agent.start()
    stop.wait()
    if stop.number == signal.SIGTERM:
        agent.shut_down()
    agent.stop()
    client.close()
    return 0
