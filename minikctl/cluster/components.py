"""What the supervisor's children run. Each is forked from a process that has everything imported, and never returns."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minikctl.api.meta import name
from minikctl.client.state_dir import Cluster
from minikctl.cluster import layout
from minikctl.cluster.layout import Component
from minikctl.util.signals import StopSignal

if TYPE_CHECKING:
    from minikctl.client import Client
    from minikctl.client.informer import InformerFactory
    from minikctl.client.local import LocalClient
    from minikctl.cluster.network import NetworkSocket
    from minikctl.cluster.pod_door import Accept
    from minikctl.proxy.host import HostSide

log = logging.getLogger("cluster")
GATEWAYS = "gateways.gateway.networking.k8s.io"
"""The CustomResourceDefinition that says that a cluster has the Gateway API."""


def preload(agents: int) -> None:
    """Import in the parent what several children need: they start in milliseconds and share the memory. What only one
    of them needs (controllers, the scheduler, the HTTPS server) is imported there, at the same time as the others'."""
    from importlib import import_module

    from minikctl.api.kinds import all_kinds

    for module in ("apiserver.hub", "client.local", *(("kubelet.agent",) if agents > 1 else ())):
        import_module(f"minikctl.{module}")
    all_kinds()


def run(
    component: Component,
    state_dir: Path,
    cluster: Cluster,
    parent_alive: int,
    listener: socket.socket,
    network: NetworkSocket,
) -> int:
    """Be this component until SIGTERM; the exit code. `parent_alive` is a pipe that ends when the supervisor does;
    `listener` is the socket of the API server, `network` that of the cluster network."""
    if component.name == layout.NETWORK:
        from minikctl.runtime.network import holder

        listener.close()
        return holder.run(state_dir, network.get(), parent_alive)
    network.let_go()
    if component.name == layout.PROXY:
        listener.close()
        return _proxy(state_dir, cluster, parent_alive)
    _follow_parent(parent_alive, signal.SIGINT if component.nodes else signal.SIGTERM)
    if component.role == layout.API_SERVER:
        from minikctl.apiserver.http import process

        with _announced(component, state_dir, cluster):
            process.run(state_dir, listener, fsync=cluster.fsync, also=_door(component, state_dir, cluster))
        return 0
    listener.close()
    if component.name == layout.PROXY_HOST:
        from minikctl.proxy import host

        host.run(state_dir)
    elif component.name == layout.INGRESS:
        from minikctl.ingress import process as ingress

        return ingress.run(state_dir, fsync=cluster.fsync)
    elif component.role in (layout.CONTROLLER_MANAGER, layout.SCHEDULER):
        _control(component, state_dir, cluster)
    elif component.role == layout.AUTOSCALER:
        from minikctl.cluster.autoscaler import loop

        loop.run(state_dir, cluster)
    elif component.role == layout.GITOPS:
        from minikctl.cluster.gitops import process as gitops

        gitops.run(state_dir, cluster)
    else:
        from minikctl.cluster.nodes import config
        from minikctl.kubelet.agent import run_agent

        run_agent(state_dir, [config(cluster, name) for name in component.nodes], component.simulated)
    return 0


def _proxy(state_dir: Path, cluster: Cluster, parent_alive: int) -> int:
    from minikctl.proxy import process

    network = process.enter(state_dir)  # before there is a second thread
    _follow_parent(parent_alive)
    return process.run(state_dir, cluster.podCIDR, cluster.serviceCIDR, network, _dns)


def _dns(client: Client, host: HostSide, address: str, host_address: str) -> Callable[[], None]:
    """The cluster's DNS, in the process that is in the router's namespace anyway. Raises OSError."""
    from minikctl.dns import component

    def host_socket(server: str, kind: int) -> socket.socket:
        if ":" in server:
            raise OSError("the host's side has no sockets for IPv6")
        return host.new_socket("udp" if kind == socket.SOCK_DGRAM else "tcp")

    return component.start(client, address, host_address=host_address, host_socket=host_socket)


def _door(component: Component, state_dir: Path, cluster: Cluster) -> Callable[[Accept], None]:
    """Where pods find the API server."""

    def open_door(accept: Accept) -> None:
        if component.network:
            from minikctl.cluster.pod_door import open_to_pods

            open_to_pods(state_dir, cluster.port, accept)

    return open_door


def _follow_parent(pipe: int, how: signal.Signals = signal.SIGTERM) -> None:
    """A component does not outlive its supervisor: the next one starts its own. An agent ends by SIGINT: its node does
    not."""

    def wait() -> None:
        while os.read(pipe, 1):
            pass
        os.kill(os.getpid(), how)
        threading.Event().wait(5)
        os._exit(1)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _announced(component: Component, state_dir: Path, cluster: Cluster) -> contextlib.AbstractContextManager[None]:
    if not component.plane:
        return contextlib.nullcontext()
    from minikctl.cluster.high_availability import announced

    return announced(component, state_dir, cluster)


def _control(component: Component, state_dir: Path, cluster: Cluster) -> None:
    """kube-controller-manager and kube-scheduler: in one process with shared caches, or in two when there are several
    control planes, where each waits until it leads."""
    from minikctl.client.local import LocalClient

    if component.plane:
        from minikctl.cluster.high_availability import lead

        is_scheduler = component.role == layout.SCHEDULER
        actor = "kube-scheduler" if is_scheduler else "kube-controller-manager"
        parts = {"controllers": not is_scheduler, "scheduler": is_scheduler}
        lead(component, state_dir, cluster, actor, lambda c, stop: start_control(c, state_dir, cluster, stop, **parts))
        return
    stop = StopSignal()
    client = LocalClient.open(str(state_dir), actor="kube-controller-manager", fsync=cluster.fsync, create=False)
    end = start_control(client, state_dir, cluster, stop.event)
    stop.wait()
    end()
    client.close()


def start_control(
    client: LocalClient,
    state_dir: Path,
    cluster: Cluster,
    stop: threading.Event,
    *,
    controllers: bool = True,
    scheduler: bool = True,
) -> Callable[[], None]:
    """Start controllers and scheduler; what is returned ends them."""
    from dataclasses import asdict

    from minikctl.client.informer import InformerFactory

    informers = InformerFactory(client)
    started: list[Any] = []
    if controllers:
        from minikctl.controllers.base import Context
        from minikctl.controllers.manager import Manager

        settings = {**asdict(cluster), "ca": _ca(state_dir), "state_dir": str(state_dir.absolute())}
        started.append(Manager(Context(client, informers, settings=settings)))
        _start_on_demand(informers, state_dir, cluster)
    if scheduler:
        from minikctl.client.decisions import DecisionLog
        from minikctl.scheduler.scheduler import Scheduler

        started.append(Scheduler(client, informers, decisions=DecisionLog(state_dir)))
    informers.start()
    informers.wait_for_sync()
    for part in started:
        part.start()
    if controllers:
        _watch_for_hand_edits(client, informers, stop)
    log.info(
        "%s running", "controllers and scheduler are" if controllers and scheduler else "this process leads, and is"
    )

    def end() -> None:
        for part in reversed(started):
            part.stop()
        informers.stop()

    return end


def _start_on_demand(informers: InformerFactory, state_dir: Path, cluster: Cluster) -> None:
    """The Service proxy, where there is no cluster network that needs it anyway: for what the host is to reach. The
    ingress with the first Ingress, or with the Gateway API."""
    if all(cluster.is_simulated(n) for n in cluster.node_names()):
        return
    from minikctl.api.kinds.service import LOAD_BALANCER, NODE_PORT
    from minikctl.cluster import on_demand
    from minikctl.proxy.rules import has_host_ports

    def ask() -> None:
        on_demand.demand(state_dir, layout.PROXY)

    on_demand.follow(informers, "services", lambda s: s["spec"].get("type") in (NODE_PORT, LOAD_BALANCER), ask)
    on_demand.follow(informers, "pods", has_host_ports, ask)

    def ask_ingress() -> None:
        on_demand.demand(state_dir, layout.INGRESS)

    on_demand.follow(informers, "ingresses.networking.k8s.io", lambda _i: True, ask_ingress)
    on_demand.follow(informers, "customresourcedefinitions", lambda d: name(d) == GATEWAYS, ask_ingress)


def _ca(state_dir: Path) -> str:
    """The certificate that clients of the HTTP API trust, "" while none is served."""
    try:
        return (state_dir / "pki" / "ca.crt").read_text()
    except OSError:
        return ""


def _watch_for_hand_edits(client: LocalClient, informers: InformerFactory, stop: threading.Event) -> None:
    from minikctl.apiserver.hand_edits import GUARD, LEAST_PAUSE, HandEdits
    from minikctl.client.events import EventRecorder

    recorder = EventRecorder(client.for_actor(GUARD), "minikctl")
    edits = HandEdits(client.api, recorder.warning, informers.cached)

    def look() -> None:
        pause = LEAST_PAUSE
        while not stop.wait(pause):
            try:
                pause = edits.scan()
            except Exception:
                log.exception("looking for hand edits")
        edits.close()

    threading.Thread(target=look, name="hand-edits", daemon=True).start()


def start_logging(component: str) -> None:
    """klog's shape, to stderr, which is the component's log file."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("watchdog").setLevel(logging.WARNING)
    log.info("%s started, pid %d", component, os.getpid())


class _Formatter(logging.Formatter):
    """`I1121 05:08:01.123456 1234 scheduler.py:42] text`."""

    def format(self, record: logging.LogRecord) -> str:
        import time

        moment = time.gmtime(record.created)
        micros = int(record.created % 1 * 1e6)
        head = f"{record.levelname[0]}{time.strftime('%m%d %H:%M:%S', moment)}.{micros:06d} {record.process:7d}"
        text = f"{head} {record.filename}:{record.lineno}] {record.getMessage()}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return text
