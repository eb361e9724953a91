"""One WebSocket as the handlers see it: refused with a Status, or accepted with a protocol; ASGI is only known here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from minikctl.api.errors import ApiError, bad_request
from minikctl.apiserver.http.messages import Request, error_response


class Closed(Exception):
    """The client is gone."""


class Watched:
    """A client that is not expected to say anything."""

    is_gone = False


class WebSocket:
    """`receive` is for one task, the others for any."""

    def __init__(self, scope: Mapping[str, Any], request: Request, receive: Any, send: Any):
        self._scope, self._request = scope, request
        self._receive, self._send = receive, send
        self._is_accepted = self._is_closed = False

    @property
    def offered(self) -> list[str]:
        """The subprotocols that the client names, but for the one that carries its token."""
        return [p for p in self._scope["subprotocols"] if not p.startswith("base64url.bearer.authorization.k8s.io.")]

    def choose(self, known: Sequence[str]) -> str:
        """The first offered protocol that is known; "" when none is offered and that is known. Raises ApiError."""
        offered = self.offered or [""]
        for protocol in offered:
            if protocol in known:
                return protocol
        wanted, spoken = ", ".join(offered), ", ".join(p for p in known if p)
        raise bad_request(
            f"unable to upgrade: no subprotocol of {wanted or 'none'} is known; the server speaks {spoken}"
        )

    async def accept(self, protocol: str = "") -> None:
        await self._told({"type": "websocket.accept", "subprotocol": protocol or None})
        self._is_accepted = True

    async def refuse(self, error: ApiError) -> int:
        """Answer with a Status, or end what was accepted already. Returns the HTTP code."""
        try:
            if self._is_accepted:
                await self.close(1011)
                return 101
            response = error_response(self._request, error)
            headers = [(k.lower().encode(), v.encode()) for k, v in response.headers.items()]
            headers.append((b"content-type", response.media_type.encode()))
            start = {"type": "websocket.http.response.start", "status": response.status, "headers": headers}
            await self._told(start)
            await self._told({"type": "websocket.http.response.body", "body": response.body})
            self._is_closed = True
        except Closed:
            pass
        return error.code

    async def receive(self) -> bytes | str:
        """The next message. Raises Closed."""
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self._is_closed = True
                raise Closed
            if message["type"] == "websocket.receive":
                data = message.get("bytes")
                return data if data is not None else message.get("text") or ""

    async def send(self, data: bytes | str) -> None:
        """Waits while the client does not read. Raises Closed."""
        key = "bytes" if isinstance(data, bytes) else "text"
        await self._told({"type": "websocket.send", key: data})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self._is_closed:
            return
        self._is_closed = True
        try:
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except Exception as e:
            if not _means_closed(e):
                raise

    async def _told(self, message: Mapping[str, Any]) -> None:
        if self._is_closed:
            raise Closed
        try:
            await self._send(message)
        except Exception as e:
            if _means_closed(e):
                self._is_closed = True
                raise Closed from None
            raise

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[Watched]:
        """Notice when the client goes: what runs in the block is cancelled then, which ends the block quietly."""
        client = Watched()
        work = asyncio.current_task()
        assert work is not None

        async def listen() -> None:
            try:
                while True:
                    await self.receive()
            except Closed:
                client.is_gone = True
                work.cancel()

        listener = asyncio.ensure_future(listen())
        try:
            yield client
        except asyncio.CancelledError:
            if not client.is_gone:
                raise
            work.uncancel()
            raise Closed from None
        finally:
            listener.cancel()


def _means_closed(error: Exception) -> bool:
    """uvicorn's ClientDisconnected is an OSError; a message after the end is a RuntimeError."""
    return isinstance(error, OSError) or (isinstance(error, RuntimeError) and "after sending" in str(error))
