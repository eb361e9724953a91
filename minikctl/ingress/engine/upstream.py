"""Connections to endpoints: kept alive and used again, chosen in turn, left alone for a while after a failure."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

import httptools

from minikctl.ingress.engine.heads import HOP_BY_HOP, Header, token
from minikctl.ingress.model import Backend, Endpoint

if TYPE_CHECKING:
    from minikctl.ingress.engine.exchange import Exchange

IDLE_SECONDS = 60.0
MOST_IDLE = 64
"""Connections that are kept for one endpoint."""
EJECTED_SECONDS, LONGEST_EJECTION = 1.0, 10.0
READ_AT_ONCE = 65536


class Network(Protocol):
    """What reaches pods: the cluster network, where there is one."""

    def socket(self) -> socket.socket: ...


class UpstreamConnection(asyncio.Protocol):
    """One connection to an endpoint. It serves one exchange at a time, and tells that what comes."""

    def __init__(self, upstreams: Upstreams, endpoint: Endpoint):
        self.upstreams, self.endpoint = upstreams, endpoint
        self.exchange: Exchange | None = None
        self.transport: asyncio.Transport = None  # type: ignore[assignment]
        self.parser = httptools.HttpResponseParser(self)
        self.headers: list[Header] = []
        self.named: bytes = b""
        self.reason = b""
        self.length: bytes = b""
        self.chunked = self.whole = self.tunnel = self.served = False
        self.idle_since = 0.0
        self.closed = False

    # ------------------------------------------------------------------ transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        transport.max_size = READ_AT_ONCE  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:  # nobody has asked
            self.close()
            return
        exchange.heard = self.upstreams.now()
        if self.tunnel:
            exchange.connection.send(data)
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as e:
            if self.tunnel:
                rest = data[e.args[0] :]
                if rest:
                    exchange.connection.send(rest)
            elif self.exchange is exchange:
                exchange.upstream_failed("an upgrade that nobody asked for")
        except httptools.HttpParserError as e:
            if self.exchange is exchange:  # else the answer is complete and what follows does not concern it
                exchange.upstream_failed(f"not HTTP: {e}")
            self.close()
            return
        exchange.flush()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        exchange, self.exchange = self.exchange, None
        self.upstreams.forget(self)
        if exchange is not None:
            exchange.upstream_ended(self, exc)

    def pause_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.connection.pause_reading()

    def resume_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.connection.resume_reading()

    def close(self) -> None:
        self.closed = True
        self.exchange = None
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        self.closed = True
        self.exchange = None
        if self.transport is not None:
            self.transport.abort()

    # ------------------------------------------------------------------ parser

    def on_message_begin(self) -> None:
        self.headers, self.reason, self.length, self.named = [], b"", b"", b""
        self.chunked = self.whole = False

    def on_status(self, reason: bytes) -> None:
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        low = name.lower()
        if low == b"content-length":
            self.length = value
        elif low == b"transfer-encoding":
            self.chunked = value.lower().endswith(b"chunked")
        elif low == b"connection":
            self.named = value.lower()
        if low not in HOP_BY_HOP:
            self.headers.append((name, value))
        elif low == b"upgrade":
            self.named += b",upgrade"

    def on_headers_complete(self) -> None:
        exchange = self.exchange
        if exchange is None:
            return
        status = self.parser.get_status_code()
        if status == 101:
            self.tunnel = exchange.upgraded(self)
            return
        if status < 200:
            return
        exchange.response(self, status)
        if exchange.method == "HEAD" and self.exchange is exchange:  # the parser waits for a body that never comes
            self._complete(exchange)
            self.parser = httptools.HttpResponseParser(self)

    def on_body(self, data: bytes) -> None:
        if self.exchange is not None:
            self.exchange.response_body(data)

    def on_message_complete(self) -> None:
        exchange = self.exchange
        if exchange is not None and exchange.started and not self.tunnel:
            self._complete(exchange)

    def _complete(self, exchange: Exchange) -> None:
        """Hand the connection back, if it can be used again, before the exchange goes on to the next request."""
        self.exchange = None
        self.served = True
        if b"close" in self.named or not exchange.content.sent or not self.parser.should_keep_alive() or self.closed:
            self.close()
        else:
            self.upstreams.keep(self)
        exchange.response_complete()


class Upstreams:
    """All connections to endpoints, and what is known of the endpoints."""

    def __init__(self, loop: asyncio.AbstractEventLoop, network: Callable[[], Network | None] = lambda: None):
        self.loop, self._network = loop, network
        self.now = loop.time
        self._idle: dict[Endpoint, deque[UpstreamConnection]] = {}
        self._turn: dict[str, int] = {}
        self._ejected: dict[Endpoint, tuple[float, float]] = {}
        """Until when an endpoint is left alone, and for how long that was."""
        self._wanted: frozenset[Endpoint] | None = None

    # ------------------------------------------------------------------ choosing

    def choose(self, backend: Backend, tried: Iterable[Endpoint], wanted: str = "") -> Endpoint | None:
        """The one that a sticky cookie names; else the next that has not failed lately; None when all were tried."""
        left = [e for e in backend.endpoints if e not in tried] if tried else backend.endpoints
        if not left:
            return None
        if wanted:
            for endpoint in left:
                if token(endpoint) == wanted and endpoint not in self._ejected:
                    return endpoint
        turn = self._turn.get(backend.name, 0)
        self._turn[backend.name] = turn + 1
        size = len(left)
        if self._ejected:
            now = self.now()
            for i in range(size):
                endpoint = left[(turn + i) % size]
                until, _ = self._ejected.get(endpoint, (0.0, 0.0))
                if until <= now:
                    return endpoint
        return left[turn % size]

    def failed(self, endpoint: Endpoint) -> None:
        """It did not answer: it is left alone for a second, and twice as long each time, up to ten."""
        _, before = self._ejected.get(endpoint, (0.0, 0.0))
        pause = min(max(before * 2, EJECTED_SECONDS), LONGEST_EJECTION)
        self._ejected[endpoint] = (self.now() + pause, pause)

    def answered(self, endpoint: Endpoint) -> None:
        if self._ejected:
            self._ejected.pop(endpoint, None)

    # ------------------------------------------------------------------ connections

    def take(self, endpoint: Endpoint, most_idle: float) -> UpstreamConnection | None:
        """A connection that is open already and has not been idle for longer than this."""
        idle = self._idle.get(endpoint)
        while idle:
            connection = idle.pop()
            if not connection.closed and not connection.transport.is_closing():
                if self.now() - connection.idle_since <= most_idle:
                    return connection
                idle.append(connection)
                return None
        return None

    def keep(self, connection: UpstreamConnection) -> None:
        endpoint = connection.endpoint
        if self._wanted is not None and endpoint not in self._wanted:
            connection.close()
            return
        idle = self._idle.get(endpoint)
        if idle is None:
            idle = self._idle[endpoint] = deque()
        if len(idle) >= MOST_IDLE:
            connection.close()
            return
        connection.idle_since = self.now()
        connection.transport.resume_reading()
        idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        idle = self._idle.get(connection.endpoint)
        if idle and connection in idle:
            idle.remove(connection)

    async def connect(self, endpoint: Endpoint, timeout: float) -> UpstreamConnection:
        """A new connection. Raises OSError, TimeoutError among them."""
        async with asyncio.timeout(timeout):
            sock = await self._open(endpoint)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _, made = await self.loop.create_connection(lambda: UpstreamConnection(self, endpoint), sock=sock)
            except BaseException:
                sock.close()
                raise
        return made

    async def _open(self, endpoint: Endpoint) -> socket.socket:
        """Loopback addresses are this host's; all others belong to the cluster network, where there is one."""
        address, port = endpoint
        if not address[:1].isdigit() and ":" not in address:
            return await self._open_name(address, port)
        network = None if address.startswith("127.") else self._network()
        sock = network.socket() if network is not None else socket.socket(_family(address), socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            await self.loop.sock_connect(sock, (address, port))
        except BaseException:
            sock.close()
            raise
        return sock

    async def _open_name(self, name: str, port: int) -> socket.socket:
        """A name outside of the cluster, as this host resolves it."""
        problem: OSError = OSError(f"{name} has no address")
        for family, kind, protocol, _, address in await self.loop.getaddrinfo(name, port, type=socket.SOCK_STREAM):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setblocking(False)
                await self.loop.sock_connect(sock, address)
                return sock
            except OSError as e:
                sock.close()
                problem = e
            except BaseException:
                sock.close()
                raise
        raise problem

    # ------------------------------------------------------------------ looking after

    def only(self, wanted: frozenset[Endpoint]) -> None:
        """Endpoints have come and gone: nothing is kept open to those that are no more."""
        self._wanted = wanted
        for endpoint in [e for e in self._idle if e not in wanted]:
            for connection in list(self._idle.pop(endpoint)):
                connection.close()
        for endpoint in [e for e in self._ejected if e not in wanted]:
            del self._ejected[endpoint]

    def sweep(self, now: float) -> None:
        """Close what nobody has used for long."""
        for endpoint, idle in list(self._idle.items()):
            while idle and now - idle[0].idle_since > IDLE_SECONDS:
                idle.popleft().close()
            if not idle:
                self._idle.pop(endpoint, None)

    @property
    def has_idle(self) -> bool:
        return bool(self._idle)

    def close(self) -> None:
        for idle in list(self._idle.values()):
            for connection in list(idle):
                connection.close()
        self._idle.clear()


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
