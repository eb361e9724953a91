"""TCP: a listener's connections, each a pair of sockets."""

from __future__ import annotations

import errno
import logging
import socket
import struct
import time
from collections.abc import Callable

from minikctl.proxy.balancer import HOST
from minikctl.proxy.relay.loop import ACCEPTS, ERR, HUP, IN, OUT, Front
from minikctl.proxy.rules import Endpoint

log = logging.getLogger("proxy")
CONNECT_SECONDS = 3.0
RESET = struct.pack("ii", 1, 0)


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
            self.accepted(client, address[0])

    def accepted(self, client: socket.socket, address: str) -> None:
        """Begin to carry a connection, or reset it."""
        if self.kind == HOST and not self.balancer.allows(address):
            reset(client)
        else:
            Connection(self, client, address).try_next()


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
