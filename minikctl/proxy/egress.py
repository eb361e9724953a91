"""Pods reach what is outside the cluster as far as the host does: by TCP, and through this process.

nftables sends every TCP connection that leaves the cluster, from pods and from the router, to one listener of the
router; the relay asks the kernel where it wanted to go, and connects there from the host's side. The host's own
loopback is reached at one address only, HOST_ADDRESS, which pods know as `host.minikctl.internal`. Other protocols are
refused at once (names are asked for by the cluster's DNS). Without nftables there is no way out.
"""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Callable, Iterable

from minikctl.proxy.balancer import HOST
from minikctl.proxy.relay.loop import Front, Relay
from minikctl.proxy.relay.tcp import Connection, TcpFront, reset
from minikctl.proxy.routes import LOOPBACK as LOOPBACK_DEVICE
from minikctl.proxy.rules import LOOPBACK, Endpoint
from minikctl.runtime.network.rtnetlink import Netlink

log = logging.getLogger("proxy")
HOST_ADDRESS = "169.254.1.2"
PORT = 15001
"""Of the listener, at the control plane's address."""
BACKLOG = 1024
TABLE = "minikctl-egress"
RULES = """\
add table ip {t}
delete table ip {t}
table ip {t} {{
  set cluster {{ type ipv4_addr; flags interval; elements = {{ {cluster} }} }}
  chain out {{
    type nat hook prerouting priority -90; policy accept;
    ip daddr @cluster accept
    meta l4proto tcp dnat to {address}:{port}
  }}
  chain own {{
    type nat hook output priority -90; policy accept;
    ip daddr @cluster accept
    meta l4proto tcp dnat to {address}:{port}
  }}
  chain no-way-out {{
    type filter hook prerouting priority -80; policy accept;
    ip daddr @cluster accept
    ip daddr 224.0.0.0/3 drop
    meta l4proto tcp accept
    fib daddr type local accept
    meta l4proto udp reject with icmp type port-unreachable
    reject with icmp type net-unreachable
  }}
}}
"""
_ORIGINAL_DESTINATION = 80
"""SO_ORIGINAL_DST of netfilter."""


def rules(address: str, cluster: Iterable[str], port: int = PORT) -> str:
    """For nft: everything but `cluster` goes to the listener. Pure."""
    return RULES.format(t=TABLE, cluster=", ".join(cluster), address=address, port=port)


def start(
    relay: Relay, run: Callable[[str, list[str]], str], address: str, cluster: Iterable[str], pods: Iterable[str]
) -> None:
    """Listen at `address` in this process' network namespace and lead there what leaves the cluster. pods: those of the
    cluster's networks whose addresses have a route each. Raises OSError, and what `run` raises."""
    listener = listen(address, PORT)
    run(rules(address, cluster), ["-f", "-"])
    add_routes(address, pods)
    relay.call(lambda: relay.add_front(TABLE, EgressFront(relay, listener)))


def add_routes(address: str, pods: Iterable[str]) -> None:
    """Pods on the host's network are on the router itself: what they send out has to have a route before the rules can
    lead it elsewhere; addresses that no pod has must not take it. Raises OSError."""
    netlink = Netlink()
    try:
        for network in pods:
            netlink.add_end(network)
        netlink.add_route("0.0.0.0/0", LOOPBACK_DEVICE, source=address)
    finally:
        netlink.close()


def listen(address: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setblocking(False)
    try:
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


class EgressFront(TcpFront):
    """A listener whose connections say themselves where they lead."""

    def __init__(self, relay: Relay, listener: socket.socket):
        self.relay, self.listener, self.kind = relay, listener, HOST
        self.closed = False

    def accepted(self, client: socket.socket, address: str) -> None:
        wanted = destination(client)
        if wanted is None or wanted == self.listener.getsockname():
            reset(client)
        else:
            Connection(_Way(self, wanted), client, address).try_next()


class _Way(Front):
    """What one connection leads to: there is nothing to choose."""

    def __init__(self, front: EgressFront, wanted: tuple[str, int]):
        self.relay, self.listener, self.kind, self.closed = front.relay, front.listener, HOST, False
        ip, port = wanted
        self._endpoint = Endpoint(LOOPBACK if ip == HOST_ADDRESS else ip, port)

    def pick(self, client: str, tried: list[Endpoint]) -> Endpoint | None:
        return None if tried else self._endpoint


def destination(client: socket.socket) -> tuple[str, int] | None:
    """Where a redirected connection wanted to go."""
    try:
        raw = client.getsockopt(socket.SOL_IP, _ORIGINAL_DESTINATION, 16)
    except OSError:
        return None
    (port,) = struct.unpack_from("!H", raw, 2)
    return socket.inet_ntoa(raw[4:8]), port
