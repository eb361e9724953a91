"""Connections carried by this process: one thread, one epoll, any number of listeners.

Guarantees: bytes keep their order and nothing is read that cannot be passed on soon (a slow reader slows its writer);
either side may end its direction alone (half-close); a reset is passed on as a reset. An endpoint that does not answer
is replaced by another as long as there are others; when there is none, the client is reset, as a port without a
listener would do. UDP clients have a session each, ended by a minute of silence or by the end of their endpoint.

Everything but `call` and `stop` belongs to the thread that runs `run`.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import socket
import struct
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from minikctl.proxy.balancer import HOST, Balancer
from minikctl.proxy.rules import Endpoint

log = logging.getLogger("proxy")
IN, OUT, ERR, HUP = select.EPOLLIN, select.EPOLLOUT, select.EPOLLERR, select.EPOLLHUP
BUFFER = 256 << 10
CONNECT_SECONDS = 3.0
UDP_SECONDS = 60.0
UDP_SESSIONS = 10_000
ACCEPTS = 64
"""Connections taken from one listener before others have their turn."""
RESET = struct.pack("ii", 1, 0)

Dial = Callable[[Endpoint, str], socket.socket]
"""(endpoint, `tcp` or `udp`) → a socket, not blocking and not connected yet, from which the endpoint can be reached."""
Permits = Callable[[str, Endpoint, str], bool]
"""(the client's address, endpoint, protocol) → whether policy lets it in. For clients inside the cluster."""


def anybody(_client: str, _endpoint: Endpoint, _protocol: str) -> bool:
    return True


class Relay:
    """See the module."""

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

    def set_front(self, key: object, listener: socket.socket, balancer: Balancer, kind: str) -> None:
        """Carry what comes to a listener (not blocking) to the balancer's endpoints. kind: see `balancer`."""
        made = UdpFront if listener.type == socket.SOCK_DGRAM else TcpFront
        self.add_front(key, made(self, listener, balancer, kind))

    def add_front(self, key: object, front: Front) -> None:
        """The same with a front of one's own kind."""
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


# ---------------------------------------------------------------------- TCP


class TcpFront(Front):
    def ready(self, _mask: int) -> None:
        for _ in range(ACCEPTS):
            try:
                client, address = self.listener.accept()
            except BlockingIOError:
                return
            except OSError as e:
                if e.errno in (errno.EMFILE, errno.ENFILE):
                    self.relay.pause(self)
                return
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.kind == HOST and not self.balancer.allows(address[0]):
                reset(client)
                continue
            Connection(self, client, address[0]).try_next()


class Connection:
    """A client and its endpoint."""

    __slots__ = ("client", "front", "near", "relay", "tried", "upstream")

    def __init__(self, front: Front, client: socket.socket, address: str):
        self.front, self.relay, self.client = front, front.relay, address
        self.near: Side = Side(self, client)
        self.upstream: Side | None = None
        self.tried: list[Endpoint] = []
        self.relay.connections.add(self)

    def try_next(self) -> None:
        """Begin to connect to an endpoint that was not tried yet."""
        self.relay.connecting.pop(self, None)
        while True:
            if self.upstream is not None:
                self.upstream.close()
                self.upstream = None
            endpoint = self.front.pick(self.client, self.tried)
            if endpoint is None:
                self.abort()
                return
            self.tried.append(endpoint)
            try:
                sock = self.relay.dial(endpoint, "tcp")
            except OSError as e:
                log.warning("cannot make a socket: %s", e)
                continue
            self.upstream = Side(self, sock)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if sock.connect_ex((endpoint.ip, endpoint.port)) in (0, errno.EINPROGRESS):
                self.relay.connecting[self] = time.monotonic() + CONNECT_SECONDS
                self.relay.watch(self.upstream.fd, OUT, self._connected)
                return

    def _connected(self, _mask: int) -> None:
        upstream = self.upstream
        assert upstream is not None
        if upstream.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.try_next()
            return
        self.relay.connecting.pop(self, None)
        near = self.near
        near.other, upstream.other = upstream, near
        self.relay.handlers[upstream.fd] = upstream.ready
        self.relay.poll.modify(upstream.fd, IN)
        self.relay.watch(near.fd, IN, near.ready)
        near.mask = upstream.mask = IN
        near.read()

    def abort(self) -> None:
        """End it with a reset to both."""
        self._end(reset)

    def close(self) -> None:
        self._end(socket.socket.close)

    def _end(self, how: Callable[[socket.socket], None]) -> None:
        self.relay.connections.discard(self)
        self.relay.connecting.pop(self, None)
        for side in (self.near, self.upstream):
            if side is not None and not side.closed:
                side.closed = True
                self.relay.forget(side.fd)
                how(side.sock)


class Side:
    """One of the two sockets of a connection."""

    __slots__ = ("closed", "connection", "ended", "fd", "mask", "other", "pending", "relay", "shut", "sock")

    def __init__(self, connection: Connection, sock: socket.socket):
        self.connection, self.relay, self.sock, self.fd = connection, connection.relay, sock, sock.fileno()
        self.other: Side = self
        self.pending = b""
        """What it could not take yet."""
        self.ended = self.shut = self.closed = False
        """It sends nothing more; it was told that nothing more comes."""
        self.mask = 0

    def close(self) -> None:
        self.closed = True
        self.relay.forget(self.fd)
        self.sock.close()

    def ready(self, mask: int) -> None:
        if mask & OUT:
            self._flush()
        if mask & (IN | ERR | HUP) and not self.closed:
            if self.ended or not self.mask & IN:
                if mask & (ERR | HUP):
                    self._broken(mask)
                return
            self.read()

    def _broken(self, mask: int) -> None:
        """Nothing is to be read now, and the kernel says that it is over: it would say so again and again."""
        if mask & ERR:
            self.connection.abort()
        else:  # it has ended in good order; what it sent last may still have to be read
            self.relay.forget(self.fd)
            self.mask = 0

    def read(self) -> None:
        relay = self.relay
        try:
            count = self.sock.recv_into(relay.buffer)
        except BlockingIOError:
            return
        except OSError:
            self.connection.abort()
            return
        other = self.other
        if count:
            try:
                sent = other.sock.send(relay.view[:count])
            except BlockingIOError:
                sent = 0
            except OSError:
                self.connection.abort()
                return
            if sent < count:
                other.pending = bytes(relay.view[sent:count])
                other._watch(other.mask | OUT)
                self._watch(self.mask & ~IN)
            return
        self.ended = True
        self._watch(self.mask & ~IN)
        if not other.pending:
            other.finish()

    def _flush(self) -> None:
        try:
            sent = self.sock.send(self.pending)
        except BlockingIOError:
            return
        except OSError:
            self.connection.abort()
            return
        self.pending = self.pending[sent:]
        if self.pending:
            return
        self._watch(self.mask & ~OUT)
        if self.other.ended:
            self.finish()
        else:
            self.other._watch(self.other.mask | IN)

    def finish(self) -> None:
        """Tell this side that nothing more comes."""
        self.shut = True
        if self.ended and self.other.shut:
            self.connection.close()
            return
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.connection.abort()

    def _watch(self, mask: int) -> None:
        if mask != self.mask and not self.closed:
            self.mask = mask
            if self.fd in self.relay.handlers:
                self.relay.poll.modify(self.fd, mask)
            elif mask:
                self.relay.watch(self.fd, mask, self.ready)


def reset(sock: socket.socket) -> None:
    """Close with a TCP reset."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    except OSError:
        pass
    sock.close()


# ---------------------------------------------------------------------- UDP


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
