"""One HTTP/1.1 exchange over an open connection, streamed both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import h11

from minikctl.apiserver.http.messages import Receive

MAX_HEAD = 256 * 1024
Headers = list[tuple[bytes, bytes]]


class BadAnswer(Exception):
    """The other side closed the connection too early, or does not speak HTTP."""


class Upload:
    """The body of a request, passed on as it comes; afterwards, the news that the client is gone."""

    def __init__(self, receive: Receive):
        self._receive = receive
        self.is_done = False
        self._gone = asyncio.Event()

    async def chunks(self) -> AsyncIterator[bytes]:
        while not self.is_done:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._gone.set()
                self.is_done = True
                return
            self.is_done = not message.get("more_body")
            if message.get("body"):
                yield message["body"]

    async def until_gone(self) -> None:
        """Wait until the client goes away; only when the body is done."""
        while not self._gone.is_set():
            if (await self._receive())["type"] == "http.disconnect":
                self._gone.set()

    async def receive(self) -> dict[str, str]:
        """In the place of the request's own, for those who only want to know when the client goes."""
        await self._gone.wait()
        return {"type": "http.disconnect"}


@dataclass
class Answer:
    """The head; `body` reads on, and closes the connection at its end."""

    status: int
    headers: Headers
    body: AsyncIterator[bytes]


class Exchange:
    """A request and its answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._sender: asyncio.Task[None] | None = None

    async def run(self, method: str, path: str, headers: Headers, upload: Upload) -> Answer:
        """Send the request, read the answer's head. Raises BadAnswer, OSError."""
        try:
            head = h11.Request(method=method, target=path, headers=headers)
        except h11.LocalProtocolError as e:
            raise BadAnswer(str(e)) from None
        self._sender = asyncio.ensure_future(self._send(head, upload))
        try:
            while not isinstance(event := await self._next(), h11.Response):
                if not isinstance(event, h11.InformationalResponse):
                    raise BadAnswer("EOF")
        except BaseException:
            self.close()
            raise
        return Answer(event.status_code, [(k, v) for k, v in event.headers.raw_items()], self._body())

    async def _send(self, head: h11.Request, upload: Upload) -> None:
        """The whole request; then close the connection if the client goes."""
        try:
            self._writer.write(self._http.send(head) or b"")
            async for chunk in upload.chunks():
                self._writer.write(self._http.send(h11.Data(data=chunk)) or b"")
                await self._writer.drain()
            self._writer.write(self._http.send(h11.EndOfMessage()) or b"")
            await self._writer.drain()
        except (OSError, h11.LocalProtocolError):
            pass  # the answer, or its absence, tells
        await upload.until_gone()
        self._writer.close()

    async def _next(self) -> object:
        data = None
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as e:
                raise BadAnswer("EOF" if data == b"" else f"malformed HTTP response: {e}") from None
            if event is not h11.NEED_DATA:
                return event
            data = await self._reader.read(65536)
            self._http.receive_data(data)

    async def _body(self) -> AsyncIterator[bytes]:
        try:
            while isinstance(event := await self._next(), h11.Data):
                yield bytes(event.data)
        except (OSError, BadAnswer):
            return  # its status has gone out: it can only end early
        finally:
            self.close()

    def close(self) -> None:
        if self._sender is not None:
            self._sender.cancel()
        self._writer.close()
