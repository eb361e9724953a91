"""Connections carried by this process: one thread, one epoll, any number of listeners.

Guarantees: bytes keep their order and nothing is read that cannot be passed on soon (a slow reader slows its writer);
either side may end its direction alone (half-close); a reset is passed on as a reset. An endpoint that does not answer
is replaced by another as long as there are others; when there is none, the client is reset, as a port without a
listener would do. UDP clients have a session each, ended by a minute of silence or by the end of their endpoint.
"""

from __future__ import annotations

import socket

from minikctl.proxy.balancer import Balancer
from minikctl.proxy.relay.loop import Front, Relay
from minikctl.proxy.relay.tcp import TcpFront
from minikctl.proxy.relay.udp import UdpFront


def front(relay: Relay, listener: socket.socket, balancer: Balancer, kind: str) -> Front:
    """For `Relay.add_front`: what comes to a listener (not blocking) goes to the balancer's endpoints. kind: see
    `balancer`."""
    made = UdpFront if listener.type == socket.SOCK_DGRAM else TcpFront
    return made(relay, listener, balancer, kind)
