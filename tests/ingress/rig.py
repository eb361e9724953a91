"""The engine in a thread, and endpoints that do as a test says."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from minikctl.api.ingress_rules import PREFIX
from minikctl.ingress.engine.access_log import AccessLog
from minikctl.ingress.engine.server import Engine
from minikctl.ingress.engine.tls import Certificates
from minikctl.ingress.model import Backend, Endpoint, Route, Settings, Site, Table, Weighted

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SECONDS = 10.0


class Request:
    """What an endpoint has received."""

    def __init__(self, head: bytes, body: bytes):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, self.version = lines[0].split(" ")
        self.headers = [(n, v.strip()) for n, _, v in (line.partition(":") for line in lines[1:] if line)]
        self.body = body

    def get(self, name: str) -> str | None:
        found = [v for n, v in self.headers if n.lower() == name.lower()]
        return ", ".join(found) if found else None


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection, its body without chunks; None at the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    found = Request(head, b"")
    if "chunked" in (found.get("transfer-encoding") or ""):
        while size := int(await reader.readline(), 16):
            found.body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    elif length := int(found.get("content-length") or 0):
        found.body = await reader.readexactly(length)
    return found


class Rig:
    """`engine` serves `port`; `serve(handler)` makes an endpoint; `route(…)` leads everything to endpoints."""

    def __init__(self, certificates: Certificates | None = None):
        self.loop = asyncio.new_event_loop()
        self.log: list[bytes] = []
        self.engine = Engine(self.loop, certificates, access=AccessLog(self.loop, self.log.append))
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []
        self.requests: list[Request] = []
        self.connections = 0
        self.port = self._listen(80, secure=False)
        self.secure_port = self._listen(443, secure=True) if certificates else 0

    def _listen(self, port: int, secure: bool) -> int:
        sock = socket.create_server(("127.0.0.1", 0))
        self.do(self.engine.listen(sock, port, secure))
        return int(sock.getsockname()[1])

    def do(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(SECONDS)

    def call(self, function: Callable[[], Any]) -> Any:
        async def run() -> Any:
            return function()

        return self.do(run())

    # ------------------------------------------------------------------ endpoints

    def serve(self, handler: Handler) -> Endpoint:
        async def start() -> asyncio.Server:
            async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                self.connections += 1
                try:
                    await handler(reader, writer)
                except ConnectionError:
                    pass
                finally:
                    writer.close()

            return await asyncio.start_server(counted, "127.0.0.1", 0)

        server = self.do(start())
        self._servers.append(server)
        return Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])

    def answering(self, answer: bytes | Callable[[Request], bytes]) -> Endpoint:
        """An endpoint that answers each request with these bytes; it notes what it was asked."""

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while (request := await read_request(reader)) is not None:
                self.requests.append(request)
                writer.write(answer if isinstance(answer, bytes) else answer(request))
                await writer.drain()

        return self.serve(handle)

    def saying(self, text: str) -> Endpoint:
        return self.answering(f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())

    def dead(self) -> Endpoint:
        """Nobody listens there."""
        with socket.create_server(("127.0.0.1", 0)) as sock:
            return Endpoint("127.0.0.1", sock.getsockname()[1])

    # ------------------------------------------------------------------ the table

    def route(self, *endpoints: Endpoint, settings: Settings | None = None, **more: Any) -> None:
        backend = Backend("default/web:80", tuple(endpoints))
        one = Route("Ingress default/web", "/", PREFIX, (Weighted(backend),), settings=settings or Settings(), **more)
        self.swap(Table(hosts={"": Site((one,))}))

    def swap(self, table: Table) -> None:
        self.call(lambda: self.engine.swap(table))

    # ------------------------------------------------------------------ clients

    @contextmanager
    def client(self, port: int = 0) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", port or self.port), SECONDS) as sock:
            yield sock

    def exchange(self, raw: bytes) -> bytes:
        """Send bytes, and read until the connection is closed."""
        with self.client() as sock:
            sock.sendall(raw)
            return read_all(sock)

    def get(self, path: str = "/", *headers: str) -> bytes:
        lines = "".join(f"{h}\r\n" for h in headers)
        return self.exchange(
            f"GET {path} HTTP/1.1\r\nHost: shop.example.com\r\n{lines}Connection: close\r\n\r\n".encode()
        )

    def log_text(self) -> str:
        self.call(self.engine.access.flush)
        return b"".join(self.log).decode()

    def close(self) -> None:
        self.do(self.engine.stop(0.5))
        for server in self._servers:
            self.loop.call_soon_threadsafe(server.close)

        async def cancel() -> None:
            others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self.do(cancel())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(SECONDS)
        self.loop.close()


def read_all(sock: socket.socket) -> bytes:
    received = []
    while data := sock.recv(65536):
        received.append(data)
    return b"".join(received)


def read_until(sock: socket.socket, end: bytes) -> bytes:
    """Up to and including `end`; AssertionError when the connection ends before."""
    received = b""
    while end not in received:
        data = sock.recv(65536)
        assert data, received
        received += data
    return received
