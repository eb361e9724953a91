"""The engine: listening sockets, the table that is in force, and everybody's deadlines. One thread, one event loop."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from minikctl.ingress.engine.access_log import AccessLog
from minikctl.ingress.engine.client import ClientConnection
from minikctl.ingress.engine.tls import Certificates
from minikctl.ingress.engine.upstream import Network, Upstreams
from minikctl.ingress.model import Backend, Table

SWEEP_SECONDS = 0.5
MOST_CLIENTS = 8192
"""Connections at once; who comes when there are so many is turned away."""
HANDSHAKE_SECONDS = 10.0
BACKLOG = 1024


@dataclass(frozen=True)
class Entry:
    """Where clients come in. `port`: as it is called; `listening`: as it really is."""

    port: int
    secure: bool
    listening: int


class Engine:
    """Start it in a running loop; `swap` may be called from that loop only."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        certificates: Certificates | None = None,
        network: Callable[[], Network | None] = lambda: None,
        access: AccessLog | None = None,
        rng: random.Random | None = None,
    ):
        self.loop, self.certificates = loop, certificates
        self.log = logging.getLogger("ingress")
        self.upstreams = Upstreams(loop, network)
        self.access = access or AccessLog(loop)
        self.rng = rng or random.Random()
        self.table = Table()
        self.backends: Mapping[str, Backend] = {}
        self.ports: dict[int, int] = {}
        self.stopping = False
        self.most_clients = MOST_CLIENTS
        self.background: set[asyncio.Task[None]] = set()
        self._clients: set[ClientConnection] = set()
        self._servers: dict[int, asyncio.Server] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    async def listen(self, sock: socket.socket, port: int, secure: bool) -> None:
        """Serve a bound socket under the name of a port."""
        entry = Entry(port, secure, sock.getsockname()[1])
        context = self.certificates.listening if secure and self.certificates else None
        server = await self.loop.create_server(
            lambda: ClientConnection(self, entry),
            sock=sock,
            backlog=BACKLOG,
            ssl=context,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if context else None,
        )
        self._servers[port] = server
        self.ports = {**self.ports, port: entry.listening}

    def unlisten(self, port: int) -> None:
        server = self._servers.pop(port, None)
        if server is not None:
            server.close()
        self.ports = {p: n for p, n in self.ports.items() if p != port}

    def swap(self, table: Table) -> None:
        """Have another table in force for every request that comes from now on; those on their way are not touched."""
        backends = table.backends()
        self.table = table
        self.backends = {b.name: b for b in backends}
        self.upstreams.only(frozenset(e for b in backends for e in b.endpoints))

    # ------------------------------------------------------------------ clients

    def add(self, client: ClientConnection) -> None:
        if len(self._clients) >= self.most_clients:
            client.abort()
            return
        self._clients.add(client)
        if self._sweeper is None:
            self._sweeper = self.loop.call_later(SWEEP_SECONDS, self._sweep)

    def remove(self, client: ClientConnection) -> None:
        self._clients.discard(client)

    @property
    def clients(self) -> int:
        return len(self._clients)

    def _sweep(self) -> None:
        """Runs only while somebody is connected: at rest nothing wakes up."""
        now = self.loop.time()
        for client in list(self._clients):
            client.sweep(now)
        self.upstreams.sweep(now)
        again = self._clients or self.upstreams.has_idle
        self._sweeper = self.loop.call_later(SWEEP_SECONDS, self._sweep) if again else None

    async def stop(self, seconds: float = 3.0) -> None:
        """Take no more requests; answer those that have come, for so long at most."""
        self.stopping = True
        for server in self._servers.values():
            server.close()
        for client in list(self._clients):
            if client.current is None and not client.head_size:
                client.transport.close()
        deadline = self.loop.time() + seconds
        while self._clients and self.loop.time() < deadline:
            await asyncio.sleep(0.02)
        for client in list(self._clients):
            client.abort()
        for task in list(self.background):
            task.cancel()
        self.upstreams.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        await asyncio.sleep(0)
        self.access.flush()
