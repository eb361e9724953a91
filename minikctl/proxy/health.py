"""healthCheckNodePort: tells load balancers which nodes have endpoints of a Service with externalTrafficPolicy Local.

Every node's address answers for that node, the host's loopback for all nodes together: 200 when there are endpoints,
503 when there are none, and the numbers as JSON. Source: Kubernetes `pkg/proxy/healthcheck/service_health.go`.
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from minikctl.api.kinds.service import LOAD_BALANCER
from minikctl.api.meta import Obj, name, namespace
from minikctl.proxy.relay.loop import IN, Relay
from minikctl.proxy.rules import LOCAL, LOOPBACK, Node, Target

log = logging.getLogger("proxy")
REQUEST = 8192
"""Bytes of a request, at most; who sends more is not answered."""
Place = tuple[bool, str, int]
"""(on the host's side, address, port)."""
Listen = Callable[[Place], socket.socket]


@dataclass(frozen=True, slots=True)
class Health:
    """What one place answers."""

    namespace: str
    name: str
    endpoints: int

    def response(self) -> bytes:
        """The whole HTTP response."""
        service = {"namespace": self.namespace, "name": self.name}
        body = json.dumps(
            {"service": service, "localEndpoints": self.endpoints, "serviceProxyHealthy": True}, indent="\t"
        ).encode()
        status = "200 OK" if self.endpoints else "503 Service Unavailable"
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n"
        head += f"X-Load-Balancing-Endpoint-Weight: {self.endpoints}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        return head.encode() + body


def healths(service: Obj, targets: Iterable[Target], nodes: Mapping[str, Node]) -> dict[Place, Health]:
    """What is to be answered where for a Service; nothing when it has no such port. Pure."""
    spec = service["spec"]
    port = int(spec.get("healthCheckNodePort") or 0)
    if not port or spec.get("type") != LOAD_BALANCER or spec.get("externalTrafficPolicy") != LOCAL:
        return {}
    ends = {(e.ip, e.node) for t in targets for e in t.external}
    found = {(True, LOOPBACK, port): Health(namespace(service), name(service), len(ends))}
    for title, node in nodes.items():
        here = Health(namespace(service), name(service), sum(n == title for _, n in ends))
        found |= {(False, address, port): here for address in node.addresses}
    return found


class HealthPorts:
    """Keeps the listeners as they shall be. `apply` is for one thread, which is not the relay's."""

    def __init__(self, relay: Relay, listen: Listen):
        self._relay, self._listen = relay, listen
        self._listeners: dict[Place, socket.socket] = {}
        self._answers: dict[Place, bytes] = {}

    def apply(self, wanted: Mapping[Place, Health]) -> None:
        """What cannot be opened is logged."""
        self._answers = {place: health.response() for place, health in wanted.items()}
        for place in [p for p in self._listeners if p not in wanted]:
            self._relay.call(partial(self._close, self._listeners.pop(place)))
        for place in wanted:
            if place not in self._listeners:
                try:
                    listener = self._listen(place)
                except OSError as e:
                    log.warning("no health checks at %s:%d: %s", place[1], place[2], e.strerror or e)
                    continue
                self._listeners[place] = listener
                self._relay.call(partial(self._open, place, listener))

    def _open(self, place: Place, listener: socket.socket) -> None:
        self._relay.watch(listener.fileno(), IN, lambda _mask: self._accept(place, listener))

    def _close(self, listener: socket.socket) -> None:
        self._relay.forget(listener.fileno())
        listener.close()

    def _accept(self, place: Place, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        client.setblocking(False)
        self._relay.watch(client.fileno(), IN, partial(self._answer, place, client, bytearray()))

    def _answer(self, place: Place, client: socket.socket, received: bytearray, _mask: int) -> None:
        try:
            data = client.recv(REQUEST)
            received += data
            if data and b"\r\n\r\n" not in received and len(received) < REQUEST:
                return
            if b"\r\n\r\n" in received:
                client.send(self._answers.get(place, b""))
        except BlockingIOError:
            return
        except OSError:
            pass
        self._relay.forget(client.fileno())
        client.close()
