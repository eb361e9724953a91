"""Copies of requests for a backend whose answers nobody waits for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from minikctl.ingress.model import Backend

if TYPE_CHECKING:
    from minikctl.ingress.engine.server import Engine

SECONDS = 30.0
MOST = 64
"""Copies on their way at once; more are dropped: the copy must not harm the original."""


def send(engine: Engine, backend: Backend, head: bytes, body: bytes) -> None:
    """Begin to send; failures are of no concern."""
    if not backend.endpoints or len(engine.background) >= MOST:
        return
    task = engine.loop.create_task(_send(engine, backend, head, body))
    engine.background.add(task)
    task.add_done_callback(engine.background.discard)


async def _send(engine: Engine, backend: Backend, head: bytes, body: bytes) -> None:
    endpoint = engine.upstreams.choose(backend, ())
    if endpoint is None:
        return
    try:
        async with asyncio.timeout(SECONDS):
            connection = await engine.upstreams.connect(endpoint, 5.0)
            transport = connection.transport
            ended = engine.loop.create_future()
            transport.set_protocol(_Sink(ended))
            transport.write(head[:-2] + b"Connection: close\r\n\r\n" + body)
            try:
                await ended
            finally:
                transport.close()
    except OSError:
        pass


class _Sink(asyncio.Protocol):
    def __init__(self, ended: asyncio.Future[None]):
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
