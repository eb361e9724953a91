"""The process of the Service proxy.

With a cluster network it lives in the router's namespace and serves everything; without one (process runtime) it stays
on the host and serves what can be served there: node ports, load balancers and host ports. It ends, to be started anew,
when the network or the host's side ends.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import select
import shutil
import signal
import socket
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from minikctl.client import Client
from minikctl.client.informer import InformerFactory
from minikctl.client.local import LocalClient
from minikctl.proxy.fronts import Fronts
from minikctl.proxy.health import HealthPorts
from minikctl.proxy.host import KINDS, HostSide, listen
from minikctl.proxy.nftables import Nftables, refused, run_nft
from minikctl.proxy.policy.conditions import NodeConditions
from minikctl.proxy.proxy import COMPONENT, Proxy
from minikctl.proxy.relay.loop import Relay
from minikctl.proxy.rules import BackendFailure, Endpoint, is_inside
from minikctl.runtime.network.addresses import CONTROL_PLANE, LINK, gateway
from minikctl.runtime.network.client import ClusterNetwork
from minikctl.util.descriptors import raise_descriptor_limit
from minikctl.util.signals import StopSignal

log = logging.getLogger("proxy")
VARIABLE = "MINIKCTL_PROXY"
"""`nftables` or `userspace`, for those who insist."""
NODES = "172.18.0.0/16"
"""The addresses of nodes and of the control plane in the cluster network."""


def enter(state_dir: Path) -> ClusterNetwork | None:
    """Join the cluster network, if there is one; the calling process must have one thread."""
    network = ClusterNetwork.open(state_dir)
    if network is not None:
        network.enter()
    return network


Beside = Callable[[Client, HostSide, str, str], Callable[[], None]]
"""Something else to start in this process, in the router's namespace: (client, the host's side, the control plane's
address, the address at which pods reach the host or "") → what ends it. Raises OSError."""


def run(
    state_dir: Path, pod_cidr: str, service_cidr: str, network: ClusterNetwork | None, beside: Beside | None = None
) -> int:
    """Serve until SIGTERM. `network`: what `enter` has entered."""
    stop = StopSignal()
    raise_descriptor_limit()
    host = HostSide.of(state_dir)
    host.wait()
    _end_with(host.watch, "the host's side of the proxy")
    backend, why = _backend(service_cidr) if network is not None else (None, "")
    cluster_wide = [pod_cidr, NODES] if network is not None else []
    relay = Relay(partial(_dial, host, [*map(ipaddress.IPv4Network, [*cluster_wide, service_cidr])], network is None))
    threading.Thread(target=relay.run, name="relay", daemon=True).start()
    client = LocalClient.open(str(state_dir), actor="kube-proxy", create=False)
    fronts = Fronts(relay, host, listen, lambda front, error: proxy.problem(front, error))
    routes = None
    if network is not None:
        from minikctl.proxy.routes import RouterRoutes

        routes = RouterRoutes(service_cidr, cluster_wide, answer_all=backend is None)
    health = HealthPorts(relay, lambda place: (host.listen if place[0] else _listen)("tcp", *place[1:]))
    conditions = NodeConditions(client.for_actor(COMPONENT), NODES, why) if network is not None else None
    proxy = Proxy(client, fronts, backend, inside=cluster_wide, routes=routes, health=health, conditions=conditions)
    proxy.start()
    ends = _in_network(client, host, relay, backend, [*cluster_wide, service_cidr], beside) if network else []
    log.info("serving Services by %s", backend.name if backend else "userspace" if network else "the host's listeners")
    if network is not None:
        _end_with(network.watch, "the cluster network")
    stop.wait()
    for end in ends:
        end()
    proxy.stop()
    relay.stop()
    client.close()
    return 0


def _in_network(
    client: Client, host: HostSide, relay: Relay, backend: Nftables | None, own: list[str], beside: Beside | None
) -> list[Callable[[], None]]:
    """What else a cluster network needs of this process: NetworkPolicy, the way out, and `beside`; what ends them.
    own: the cluster's networks: of pods, of nodes, of Services."""
    from minikctl.proxy import egress
    from minikctl.proxy.policy.enforcer import Enforcer

    cluster = [*own, f"{LINK}/32", "127.0.0.0/8"]
    informers = InformerFactory(client)
    enforcer = Enforcer(informers, run_nft if backend is not None else None, CONTROL_PLANE, cluster)
    pods = ipaddress.IPv4Network(own[0])
    relay.permits = lambda who, endpoint, protocol: (
        not is_pod(who, pods) or enforcer.permits(who, endpoint.ip, endpoint.port, protocol)
    )
    informers.start()
    informers.wait_for_sync()
    enforcer.start()
    ends = [enforcer.stop, informers.stop]
    if backend is not None:
        try:
            egress.start(relay, run_nft, CONTROL_PLANE, cluster, own[:2])
        except (OSError, BackendFailure) as e:
            log.error("pods cannot reach what is outside the cluster: %s", e)
    else:
        log.warning("without nftables pods cannot reach what is outside the cluster")
        log.warning("without nftables NetworkPolicies hold for connections through Services only")
    if beside is not None:
        try:
            ends.append(beside(client, host, CONTROL_PLANE, egress.HOST_ADDRESS if backend is not None else ""))
        except Exception as e:
            log.error("names are not answered: %s", e, exc_info=not isinstance(e, OSError))
    return ends


def is_pod(address: str, pods: ipaddress.IPv4Network) -> bool:
    """Whether a client inside the cluster is a pod, and not the router: what a node says to pods no policy forbids."""
    return ipaddress.IPv4Address(address) in pods and gateway(address) != address


def _listen(protocol: str, address: str, port: int) -> socket.socket:
    return listen((protocol, address, port))


def _backend(service_cidr: str) -> tuple[Nftables | None, str]:
    """nftables where it works; else None, for the relay, and why."""
    asked = os.environ.get(VARIABLE, "")
    if asked == "userspace":
        return None, f"{VARIABLE}=userspace asks for no nftables"
    os.environ["PATH"] = _path()
    why = refused(service_cidr) if shutil.which("nft") else "nft is not installed"
    if not why:
        return Nftables(service_cidr), ""
    log.log(logging.ERROR if asked == "nftables" else logging.INFO, "nftables cannot be used: %s", why)
    return None, f"nftables cannot be used: {why}"


def _path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def _dial(
    host: HostSide, networks: list[ipaddress.IPv4Network], everything: bool, endpoint: Endpoint, protocol: str
) -> socket.socket:
    """A socket from which an endpoint can be reached: here, or on the host's side for what is outside the cluster."""
    if everything or is_inside(endpoint.ip, networks):
        sock = socket.socket(socket.AF_INET, KINDS[protocol])
        sock.setblocking(False)
        return sock
    return host.new_socket(protocol)


def _end_with(watch: Callable[[], int], what: str) -> None:
    """End this process when the descriptor that `watch` gives can be read, or when there is none any more."""

    def wait() -> None:
        try:
            fd = watch()
            poll = select.poll()
            poll.register(fd, select.POLLIN | select.POLLHUP | select.POLLRDHUP)
            while not poll.poll():
                pass
        except OSError as e:
            log.debug("%s: %s", what, e)
        log.warning("%s has ended", what)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name=what, daemon=True).start()
