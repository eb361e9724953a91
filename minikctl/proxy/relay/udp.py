"""UDP: a listener's clients, each with a socket of its own to its endpoint."""

from __future__ import annotations

import logging
import socket
import time

from minikctl.proxy.balancer import HOST, Balancer
from minikctl.proxy.relay.loop import ACCEPTS, IN, Front, Relay
from minikctl.proxy.rules import Endpoint

log = logging.getLogger("proxy")


class UdpFront(Front):
    def __init__(self, relay: Relay, listener: socket.socket, balancer: Balancer, kind: str):
        super().__init__(relay, listener, balancer, kind)
        self.sessions: dict[object, Session] = {}

    def close(self) -> None:
        super().close()
        for session in list(self.sessions.values()):
            session.close()

    def ready(self, _mask: int) -> None:
        for _ in range(ACCEPTS):
            try:
                data, address = self.listener.recvfrom(65536)
            except BlockingIOError:
                return
            except OSError:  # somebody whom we answered listens no more
                continue
            self._pass_on(data, address)

    def _pass_on(self, data: bytes, address: tuple[str, int]) -> None:
        tried: list[Endpoint] = []
        while True:
            session = self.sessions.get(address) or self._session(address, tried)
            if session is None:
                return
            try:
                session.sock.send(data)
            except BlockingIOError:
                return
            except OSError:  # the endpoint refused what was sent before
                tried.append(session.endpoint)
                session.close()
                continue
            self.relay.sessions[session] = time.monotonic()
            self.relay.sessions.move_to_end(session)
            return

    def _session(self, address: tuple[str, int], tried: list[Endpoint]) -> Session | None:
        if self.kind == HOST and not self.balancer.allows(address[0]):
            return None
        endpoint = self.pick(address[0], tried)
        if endpoint is None:
            return None
        try:
            return Session(self, address, endpoint)
        except OSError as e:
            log.warning("cannot reach %s:%d: %s", endpoint.ip, endpoint.port, e)
            return None


class Session:
    """A UDP client and its endpoint."""

    __slots__ = ("address", "endpoint", "front", "sock")

    def __init__(self, front: UdpFront, address: tuple[str, int], endpoint: Endpoint):
        self.front, self.address, self.endpoint = front, address, endpoint
        self.sock = front.relay.dial(endpoint, "udp")
        try:
            self.sock.connect((endpoint.ip, endpoint.port))
        except OSError:
            self.sock.close()
            raise
        front.sessions[address] = self
        front.relay.sessions[self] = time.monotonic()
        front.relay.watch(self.sock.fileno(), IN, self.answered)

    def answered(self, _mask: int) -> None:
        for _ in range(ACCEPTS):
            try:
                data = self.sock.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                self.close()
                return
            try:
                self.front.listener.sendto(data, self.address)
            except OSError:
                return
            self.front.relay.sessions[self] = time.monotonic()
            self.front.relay.sessions.move_to_end(self)

    def close(self) -> None:
        self.front.sessions.pop(self.address, None)
        self.front.relay.sessions.pop(self, None)
        self.front.relay.forget(self.sock.fileno())
        self.sock.close()
