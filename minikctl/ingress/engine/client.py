"""A client's connection: HTTP/1.1 and 1.0, kept alive, requests one after the other, WebSockets and their like.

Limits: a head has 32 KB and 15 seconds, an address 8 KB; a body may pause for a minute; an idle connection is closed
after 75 seconds, one whose client does not take its answer after a minute.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import httptools

from minikctl.ingress.engine import heads
from minikctl.ingress.engine.exchange import Exchange
from minikctl.ingress.engine.heads import Header
from minikctl.ingress.engine.upstream import READ_AT_ONCE, UpstreamConnection
from minikctl.ingress.matching import host_of, normalized
from minikctl.ingress.model import Answer, Facts

if TYPE_CHECKING:
    from minikctl.ingress.engine.server import Engine, Entry

MOST_HEAD, MOST_ADDRESS, MOST_HEADERS = 32768, 8192, 200
HEAD_SECONDS, BODY_SECONDS, IDLE_SECONDS, STALL_SECONDS, LINGER_SECONDS = 15.0, 60.0, 75.0, 60.0, 5.0
MOST_WAITING = 16
"""Requests that a client may send before the first is answered."""
_SINGLE = frozenset({b"host", b"content-length", b"authorization"})


class Refused(Exception):
    """A request that is no good: the status that says so."""

    def __init__(self, status: int):
        super().__init__(status)
        self.status = status


class ClientConnection(asyncio.Protocol):
    """See the module."""

    def __init__(self, engine: Engine, entry: Entry):
        self.engine, self.entry = engine, entry
        self.transport: asyncio.Transport = None  # type: ignore[assignment]
        self.client = "127.0.0.1"
        self.parser = httptools.HttpRequestParser(self)
        self.current: Exchange | None = None
        """What is being answered."""
        self.receiving: Exchange | None = None
        """What is being read."""
        self.waiting: deque[Exchange] = deque()
        self.url = b""
        self.headers: list[Header] = []
        self.head_size = 0
        self.deadline = 0.0
        self.tunnel: UpstreamConnection | None = None
        self.raw: list[bytes] | None = None
        """What comes after a request to speak another protocol, until that is decided."""
        self.lingering = self.paused = self.paused_writing = self.refused = self.ended = False

    # ------------------------------------------------------------------ transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        if hasattr(transport, "max_size"):
            transport.max_size = READ_AT_ONCE
        peer = transport.get_extra_info("peername")
        self.client = peer[0] if peer else "127.0.0.1"
        self.deadline = self.engine.loop.time() + HEAD_SECONDS
        self.engine.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.engine.remove(self)
        if self.tunnel is not None:
            self.tunnel.close()
        for exchange in [self.current, *self.waiting]:
            if exchange is not None:
                exchange.client_left()
        self.current = self.receiving = None
        self.waiting.clear()

    def eof_received(self) -> bool:
        if self.tunnel is not None:
            self.tunnel.close()
            return False
        self.ended = True
        return self.current is not None and self.receiving is None  # it may still want its answer

    def data_received(self, data: bytes) -> None:
        if self.tunnel is not None:
            if self.current is not None:
                self.current.heard = self.engine.loop.time()
            self.tunnel.transport.write(data)
        elif self.raw is not None:
            self.raw.append(data)
            if sum(map(len, self.raw)) > MOST_HEAD:
                self.pause_reading()
        elif not self.refused:
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        receiving = self.receiving
        if receiving is None:
            self.head_size += len(data)
            if self.head_size == len(data) and self.current is None:
                self.deadline = self.engine.loop.time() + HEAD_SECONDS
        else:
            self.deadline = self.engine.loop.time() + BODY_SECONDS
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as e:
            self._asked_to_upgrade(data[e.args[0] :])
        except httptools.HttpParserCallbackError as e:
            cause = e.__context__
            if not isinstance(cause, Refused):
                self.engine.log.error("reading a request", exc_info=cause)
            self._refuse(cause.status if isinstance(cause, Refused) else 500)
        except httptools.HttpParserError:
            self._refuse(400)
        else:
            if self.receiving is None and self.head_size > MOST_HEAD:
                self._refuse(431)

    def _asked_to_upgrade(self, rest: bytes) -> None:
        """The parser stops after such a request. WebSockets wait for the endpoint; h2c is not spoken: HTTP/1.1 goes on."""
        exchange = self.waiting[-1] if self.waiting else self.current
        self.parser = httptools.HttpRequestParser(self)
        self.receiving = None
        self.head_size = 0
        if exchange is not None and exchange.upgrade and not exchange.finished:
            self.raw = [rest] if rest else []
            if self.tunnel is not None:
                self._flush_raw()
        elif rest:
            self._feed(rest)

    def _refuse(self, status: int) -> None:
        """Something that is not HTTP, or too much of it."""
        self.refused = True
        if self.current is not None or self.transport.is_closing():  # what is being answered is answered
            if self.receiving is not None and self.receiving is self.current:
                if self.current.started:
                    self.abort()
                else:
                    self.current.answer(Answer(status))
            return
        answer, size = heads.own_answer(Answer(status), False, True, False)
        self.send(answer)
        self.engine.access.add(self.client, "", status, size, "", "", 0, 0.0, "", "", "-")
        self._linger()

    # ------------------------------------------------------------------ parser

    def on_message_begin(self) -> None:
        self.url, self.headers = b"", []

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > MOST_ADDRESS:
            raise Refused(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.receiving is not None:
            return  # a trailer: the head has been judged and may have been sent
        self.headers.append((name, value))
        if len(self.headers) > MOST_HEADERS:
            raise Refused(431)

    def on_headers_complete(self) -> None:
        exchange = self._exchange()
        self.receiving = exchange
        self.head_size = 0
        self.deadline = self.engine.loop.time() + BODY_SECONDS
        if self.current is None:
            self.current = exchange
            exchange.begin()
        else:
            self.waiting.append(exchange)
            if len(self.waiting) >= MOST_WAITING:
                self.pause_reading()

    def on_body(self, data: bytes) -> None:
        if self.receiving is not None:
            self.receiving.body(data)

    def on_message_complete(self) -> None:
        receiving, self.receiving = self.receiving, None
        if receiving is None:
            return
        receiving.body_end()
        if receiving.finished and self.lingering:
            self.transport.close()

    def _exchange(self) -> Exchange:
        """The request whose head is complete. Raises Refused."""
        parser = self.parser
        given: dict[str, str] = {}
        named: frozenset[bytes] = frozenset()
        for name, value in self.headers:
            low = name.lower()
            word = low.decode("latin-1")
            text = value.decode("latin-1")
            if word in given:
                if low in _SINGLE:
                    raise Refused(400)
                text = f"{given[word]}{'; ' if low == b'cookie' else ', '}{text}"
            given[word] = text
            if low == b"connection":
                named |= heads.connection_names(value)
        http10 = parser.get_http_version() == "1.0"
        self._check_framing(given.get("transfer-encoding"), http10)
        method = parser.get_method().decode("latin-1")
        raw, query, authority = self._target(given.get("host"), http10)
        if method == "CONNECT":
            raise Refused(405)
        try:
            path = normalized(raw)
            length = int(given["content-length"]) if "content-length" in given else None
        except ValueError:
            raise Refused(400) from None
        upgrade = (
            given.get("upgrade", "") if b"upgrade" in named and "transfer-encoding" not in given and not length else ""
        )
        facts = Facts(
            method,
            host_of(authority),
            path,
            query,
            given,
            self.client,
            self.entry.secure,
            self.entry.port,
            self.engine.ports,
            length,
            raw,
        )
        version = "1.0" if http10 else "1.1"
        return Exchange(
            self,
            facts,
            self.headers,
            named,
            http10,
            parser.should_keep_alive() and not self.engine.stopping,
            "transfer-encoding" in given,
            b"" if upgrade.lower() in ("h2c", "") or http10 else upgrade.encode("latin-1"),
            f"{method} {self.url.decode('latin-1')} HTTP/{version}",
        )

    @staticmethod
    def _check_framing(encoding: str | None, http10: bool) -> None:
        """Where a body ends must be beyond doubt (RFC 9112 6.1). Raises Refused."""
        if encoding is not None and http10:
            raise Refused(400)
        if encoding is not None and encoding.strip().lower() != "chunked":
            raise Refused(501)

    def _target(self, host: str | None, http10: bool) -> tuple[str, str, str]:
        """(path, query, host) of a request. Raises Refused."""
        url = self.url.decode("latin-1")
        if not url.startswith("/") and url != "*":
            scheme, _, rest = url.partition("://")
            if scheme.lower() not in ("http", "https"):
                if self.parser.get_method() == b"CONNECT":
                    raise Refused(405)
                raise Refused(400)
            host, slash, rest = rest.partition("/")
            url = slash + rest or "/"
        if host is None:
            if not http10:
                raise Refused(400)
            host = ""
        if host and not heads.AUTHORITY.fullmatch(host):
            raise Refused(400)
        path, _, query = url.partition("#")[0].partition("?")
        return path, query, host

    # ------------------------------------------------------------------ answering

    def send(self, data: bytes) -> None:
        self.transport.write(data)

    def exchange_done(self, exchange: Exchange, close: bool) -> None:
        """The answer is on its way: on to the next request, or the end."""
        self.current = None
        if close:
            self.waiting.clear()
            if exchange.content.received or self.tunnel is not None:
                self.transport.close()
            else:
                self._linger()
            return
        if self.waiting:
            self.current = self.waiting.popleft()
            self.resume_reading()
            self.current.begin()
            return
        if self.raw is not None:  # it was not to be: what was kept back is the next request
            rest, self.raw = b"".join(self.raw), None
            if rest:
                self._feed(rest)
        self.deadline = self.engine.loop.time() + IDLE_SECONDS
        self.resume_reading()
        if self.refused or self.ended or self.engine.stopping:
            self.transport.close()

    def start_tunnel(self, upstream: UpstreamConnection) -> None:
        """From here on it is bytes both ways."""
        self.tunnel = upstream
        self._flush_raw()

    def _flush_raw(self) -> None:
        if self.tunnel is not None and self.raw is not None:
            rest, self.raw = b"".join(self.raw), None
            if rest:
                self.tunnel.transport.write(rest)
            self.resume_reading()

    def _linger(self) -> None:
        """Closed at once, a connection that has unread bytes is reset, and the answer may be lost."""
        self.lingering = True
        self.deadline = self.engine.loop.time() + LINGER_SECONDS
        self.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def abort(self) -> None:
        self.transport.abort()

    # ------------------------------------------------------------------ flow

    def pause_reading(self) -> None:
        if not self.paused:
            self.paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.paused:
            self.paused = False
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        """The client is slower than the endpoint."""
        self.paused_writing = True
        self.deadline = self.engine.loop.time() + STALL_SECONDS
        upstream = self.tunnel or (self.current.upstream if self.current else None)
        if upstream is not None:
            upstream.transport.pause_reading()

    def resume_writing(self) -> None:
        self.paused_writing = False
        upstream = self.tunnel or (self.current.upstream if self.current else None)
        if upstream is not None:
            upstream.transport.resume_reading()

    def sweep(self, now: float) -> None:
        """About once a second: close what has had its time."""
        if self.lingering or self.paused_writing:
            if now > self.deadline:
                self.abort()
        elif self.current is not None:
            if self.receiving is self.current and now > self.deadline and not self.paused:
                self.current.answer(Answer(408))
            elif self.current is not None:
                self.current.sweep(now)
        elif now > self.deadline:
            if self.head_size:
                self._refuse(408)
            else:
                self.transport.close()
