"""The HTTPS server: uvicorn on 127.0.0.1, TLS with optional client certificates.

Guarantees: a connection that sends no request is closed after `PATIENCE` seconds and costs little until then, so that
thousands of them hurt nobody; SIGTERM ends watches cleanly (their clients reconnect) and the process soon after.
A client certificate of another authority ends the TLS handshake with the alert "unknown CA": Python's ssl module has no
way to let such a client in and refuse it with 401, which is what it would be in Kubernetes.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import resource
import signal
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from minikctl.apiserver.auth import pki
from minikctl.apiserver.http.accepting import MOST_WAITING, PATIENCE, Acceptor, Waiting

log = logging.getLogger("apiserver")
BODY_PATIENCE = 60.0
"""Seconds in which at least some of a body must come."""
IDLE = 120.0
"""Seconds that a connection is kept between two requests: longer than Go's clients keep theirs (90), so that these
close first, and no request meets a connection that is just being closed."""
FAREWELL = 1
"""Seconds that running requests get after SIGTERM, and clients to say goodbye in TLS, which idle ones never do."""
LONGEST_HEAD = 1 << 20
"""Bytes of a request before its body, as in Go's server."""
MOST_HEADERS = 2000


def _soon(loop: asyncio.AbstractEventLoop, action: Callable[[], object]) -> None:
    with contextlib.suppress(RuntimeError):  # it has ended
        loop.call_soon_threadsafe(action)


class Protocol(HttpToolsProtocol):
    """One connection. Adds deadlines, a limit for headers, and the client's certificate in `scope["state"]`."""

    _deadline: asyncio.TimerHandle | None = None
    _head_size = _headers = 0

    def __init__(
        self,
        config: uvicorn.Config,
        state: ServerState,
        newcomers: Waiting,
        loop: asyncio.AbstractEventLoop,
    ):
        super().__init__(config, state, {}, loop)
        self._newcomers = newcomers
        """Connections whose first request has not come."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {"peer_certificate": _certificate(transport)}
        self._newcomers.add(self, transport.abort)
        self._expect(PATIENCE)

    def connection_lost(self, exc: Exception | None) -> None:
        self._newcomers.remove(self)
        self._expect(None)
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_size = self._headers = 0
        self._expect(PATIENCE)

    def on_url(self, url: bytes) -> None:
        self._measure(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._measure(name, value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._newcomers.remove(self)
        self._expect(None if self.parser.should_upgrade() else BODY_PATIENCE)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._expect(BODY_PATIENCE)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._expect(None)
        super().on_message_complete()

    def _measure(self, *parts: bytes) -> None:
        """Raises ValueError, which ends the connection with a 400."""
        self._headers += 1
        self._head_size += sum(len(p) for p in parts)
        if self._head_size > LONGEST_HEAD or self._headers > MOST_HEADERS:
            raise ValueError("request header fields too large")

    def _expect(self, seconds: float | None) -> None:
        """Close the connection unless something more happens within `seconds`."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self._late) if seconds else None

    def _late(self) -> None:
        if self.flow.read_paused:  # it is we who do not read
            self._expect(BODY_PATIENCE)
        else:
            self.transport.abort()


def _certificate(transport: Any) -> dict[str, Any] | None:
    """The client's certificate, if it has shown one: verified, taken apart, and its hash."""
    found = transport.get_extra_info("peercert")
    if not found:
        return None
    whole = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return {**found, "sha256": hashlib.sha256(whole).hexdigest()}


class Server(uvicorn.Server):
    """uvicorn's server without its tick of ten a second, and with an end for watches."""

    def __init__(self, config: uvicorn.Config, context: ssl.SSLContext | None, end_streams: Callable[[], None]):
        super().__init__(config)
        self._context = context
        self._end_streams = end_streams
        self._told = asyncio.Event()
        self._connect: Callable[[], asyncio.Protocol] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        loop, newcomers = asyncio.get_running_loop(), Waiting(MOST_WAITING)

        def connect() -> asyncio.Protocol:
            return Protocol(self.config, self.server_state, newcomers, loop)

        self._connect, self._loop, self.servers = connect, loop, []
        for listener in sockets or []:
            self._accept(listener)
        self.started = True
        self._running.set()

    def _accept(self, listener: socket.socket) -> Acceptor:
        assert self._connect is not None
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        acceptor = Acceptor(listener, self._connect, self._context, most_silent=files // 2)
        self.servers.append(acceptor)  # type: ignore[arg-type]
        return acceptor

    def accept_also(self, listener: socket.socket) -> Callable[[], None]:
        """From another thread, once the server runs: serve this socket, too. What is returned stops that."""
        self._running.wait()
        made: list[Acceptor] = []
        loop = self._loop
        assert loop is not None
        loop.call_soon_threadsafe(lambda: made.append(self._accept(listener)))

        def end() -> None:
            for acceptor in made:
                acceptor.close()
                self.servers.remove(acceptor)  # type: ignore[arg-type]
            listener.close()

        return lambda: _soon(loop, end)

    async def main_loop(self) -> None:
        await self._told.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._end_streams()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        loop = asyncio.get_running_loop()
        handled = (signal.SIGTERM, signal.SIGINT)
        for number in handled:
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in handled:
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """End the server; called in its loop."""
        self.should_exit = True
        self._told.set()


def tls(state_dir: str | Path) -> ssl.SSLContext:
    """The server's certificate, and trust in clients that the cluster's CA vouches for.

    Makes no certificate: that library would weigh 8 MB on this process. Raises OSError for missing files."""
    certificate, key = pki.server_files(state_dir)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(cadata=pki.ca_pem(state_dir).decode())
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    return context


def make(application: Any, context: ssl.SSLContext | None, end_streams: Callable[[], None]) -> Server:
    """A server for an ASGI application; `end_streams` is called when it is to end. Run with `serve(sockets=[…])`."""
    uvicorn_log = logging.getLogger("uvicorn.error")
    uvicorn_log.setLevel(logging.ERROR)
    uvicorn_log.addFilter(lambda record: "graceful shutdown" not in record.getMessage())  # that is no error
    config = uvicorn.Config(
        application,
        http=Protocol,
        ws=_websocket,  # type: ignore[arg-type]
        ws_ping_interval=None,  # clients that do not read for a while are none of our business
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=int(IDLE),
        timeout_graceful_shutdown=FAREWELL,
    )
    return Server(config, context, end_streams)


def _websocket(**parts: Any) -> asyncio.Protocol:
    """The protocol of a connection that becomes a WebSocket: imported by the first one, 2 MB."""
    from minikctl.apiserver.http.websocket_protocol import WebSocketProtocol

    return WebSocketProtocol(**parts)


def raise_file_limit() -> None:
    """As many open connections as this user may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
