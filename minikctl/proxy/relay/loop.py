"""The relay's thread: its epoll, its listeners, what others have it do, and what has taken too long.

Everything but `call` and `stop` belongs to the thread that runs `run`.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from minikctl.proxy.balancer import HOST, Balancer
from minikctl.proxy.rules import Endpoint

if TYPE_CHECKING:
    from minikctl.proxy.relay.tcp import Connection
    from minikctl.proxy.relay.udp import Session

log = logging.getLogger("proxy")
IN, OUT, ERR, HUP = select.EPOLLIN, select.EPOLLOUT, select.EPOLLERR, select.EPOLLHUP
BUFFER = 256 << 10
UDP_SECONDS = 60.0
UDP_SESSIONS = 10_000
ACCEPTS = 64
"""Connections taken from one listener before others have their turn."""

Dial = Callable[[Endpoint, str], socket.socket]
"""(endpoint, `tcp` or `udp`) → a socket, not blocking and not connected yet, from which the endpoint can be reached."""
Permits = Callable[[str, Endpoint, str], bool]
"""(the client's address, endpoint, protocol) → whether policy lets it in. For clients inside the cluster."""


def anybody(_client: str, _endpoint: Endpoint, _protocol: str) -> bool:
    return True


class Relay:
    """See the module and the package."""

    def __init__(self, dial: Dial, permits: Permits = anybody):
        self.dial, self.permits = dial, permits
        self.poll = select.epoll()
        self.handlers: dict[int, Callable[[int], None]] = {}
        self.connecting: dict[Connection, float] = {}
        self.sessions: OrderedDict[Session, float] = OrderedDict()
        self.connections: set[Connection] = set()
        self.buffer = bytearray(BUFFER)
        self.view = memoryview(self.buffer)
        self._fronts: dict[object, Front] = {}
        self._paused: list[Front] = []
        self._calls: deque[Callable[[], None]] = deque()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stopped = False
        self.watch(self._wake, IN, self._run_calls)

    # ------------------------------------------------------------------ from other threads

    def call(self, action: Callable[[], None]) -> None:
        """Have it done by the relay's thread, soon."""
        self._calls.append(action)
        os.eventfd_write(self._wake, 1)

    def stop(self) -> None:
        self.call(self._stop)

    # ------------------------------------------------------------------ the loop

    def run(self) -> None:
        """Until `stop`; closes everything then."""
        poll, handlers = self.poll.poll, self.handlers
        while not self._stopped:
            busy = self.connecting or self.sessions or self._paused
            for fd, mask in poll(1.0 if busy else -1):
                handler = handlers.get(fd)
                if handler is not None:
                    try:
                        handler(mask)
                    except Exception:
                        log.exception("in the relay")
            if busy:
                self._expire()
        for front in self._fronts.values():
            front.close()
        for connection in list(self.connections):
            connection.abort()
        for session in list(self.sessions):
            session.close()
        self.poll.close()
        os.close(self._wake)

    def _stop(self) -> None:
        self._stopped = True

    def _run_calls(self, _mask: int) -> None:
        os.eventfd_read(self._wake)
        while self._calls:
            self._calls.popleft()()

    def _expire(self) -> None:
        now = time.monotonic()
        for connection in [c for c, deadline in self.connecting.items() if deadline <= now]:
            connection.try_next()
        while self.sessions:
            session, last = next(iter(self.sessions.items()))
            if now - last < UDP_SECONDS and len(self.sessions) <= UDP_SESSIONS:
                break
            session.close()
        paused, self._paused = self._paused, []
        for front in paused:
            front.open()

    # ------------------------------------------------------------------ what to do

    def add_front(self, key: object, front: Front) -> None:
        """Carry what comes to its listener."""
        self.drop_front(key)
        self._fronts[key] = front
        front.open()

    def drop_front(self, key: object) -> None:
        """Close a listener; its connections go on."""
        front = self._fronts.pop(key, None)
        if front is not None:
            front.close()

    def updated(self, balancer: Balancer) -> None:
        """A balancer has other endpoints: UDP sessions with those that are gone end."""
        usable = balancer.target.everywhere()
        for session in [s for s in self.sessions if s.front.balancer is balancer and s.endpoint not in usable]:
            session.close()

    # ------------------------------------------------------------------ parts

    def watch(self, fd: int, mask: int, handler: Callable[[int], None]) -> None:
        self.poll.register(fd, mask)
        self.handlers[fd] = handler

    def forget(self, fd: int) -> None:
        if self.handlers.pop(fd, None) is not None:
            try:
                self.poll.unregister(fd)
            except OSError:
                pass

    def pause(self, front: Front) -> None:
        """There are no descriptors left: take no more connections for a second."""
        log.warning("too many open files: no new connections for a second")
        self.forget(front.listener.fileno())
        self._paused.append(front)


class Front:
    """A listener and what it leads to."""

    def __init__(self, relay: Relay, listener: socket.socket, balancer: Balancer, kind: str):
        self.relay, self.listener, self.balancer, self.kind = relay, listener, balancer, kind
        self.closed = False

    def open(self) -> None:
        if not self.closed:
            self.relay.watch(self.listener.fileno(), IN, self.ready)

    def close(self) -> None:
        self.closed = True
        self.relay.forget(self.listener.fileno())
        self.listener.close()

    def ready(self, mask: int) -> None:
        raise NotImplementedError

    def pick(self, client: str, tried: list[Endpoint]) -> Endpoint | None:
        """An endpoint that this client may reach."""
        endpoint = self.balancer.pick(self.kind, client, tried)
        while endpoint is not None and self.kind != HOST:
            if self.relay.permits(client, endpoint, self.balancer.target.protocol):
                break
            tried.append(endpoint)
            endpoint = self.balancer.pick(self.kind, client, tried)
        return endpoint
