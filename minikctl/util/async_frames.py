"""`util.frames` for asyncio: the same lines and frames over a connected socket."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

from minikctl.util.frames import CLOSE, HEAD, MAX_LINE, MAX_PAYLOAD, FrameError


class AsyncFrames:
    """One side of a connection. `recv` is for one task, the others for any."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._reader, self._writer = reader, writer

    @classmethod
    async def over(cls, sock: socket.socket) -> AsyncFrames:
        """Takes over the socket."""
        return cls(*await asyncio.open_connection(sock=sock, limit=MAX_LINE))

    async def send_line(self, message: Any) -> None:
        """Raises OSError."""
        self._writer.write(json.dumps(message).encode() + b"\n")
        await self._writer.drain()

    async def recv_line(self) -> Any:
        """Raises FrameError, OSError."""
        try:
            return json.loads(await self._reader.readuntil(b"\n"))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise FrameError("the connection ended before the first line") from None
        except ValueError:
            raise FrameError("the first line is not JSON") from None

    async def send(self, channel: int, data: bytes) -> None:
        """Raises OSError when the other side is gone. Waits while it does not read."""
        self._writer.write(HEAD.pack(channel, len(data)) + data)
        await self._writer.drain()

    async def close_channel(self, channel: int) -> None:
        """Say that nothing more comes on a channel."""
        await self.send(CLOSE, bytes((channel,)))

    async def recv(self) -> tuple[int, bytes] | None:
        """The next frame; None when the other side has ended (wherever: a lost peer is no error here)."""
        try:
            channel, length = HEAD.unpack(await self._reader.readexactly(HEAD.size))
            if length > MAX_PAYLOAD:
                raise FrameError(f"a frame of {length} bytes")
            return channel, await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError):
            return None

    def close(self) -> None:
        """Both sides see the end; a `recv` of another task returns."""
        self._writer.close()
