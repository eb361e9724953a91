"""Accepting connections so that those which say nothing cost next to nothing.

A connection becomes a TLS connection (60 KB and more) when its client has sent a first byte; until then it is a socket
in a table. Where too many wait for the same thing, the one that has waited longest is closed: a client that means it
does not wait.
"""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import contextlib
import errno
import socket
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

PATIENCE = 10.0
"""Seconds for a first byte, for a TLS handshake, and for the head of a request."""
MOST_WAITING = 1000
"""TLS connections that shake hands, and those whose first request has not come."""
_AT_ONCE = 64
_TLS_HANDSHAKE = b"\x16"
_PLAIN = b"HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"


class TLSProtocol(asyncio.sslproto.SSLProtocol):
    """asyncio's TLS with smaller buffers, and which tells a client why its handshake failed before it hangs up."""

    max_size = 32 << 10
    """asyncio sets 256 KiB aside for each connection: 10,000 of them would be 2.5 GB."""

    def _on_handshake_complete(self, handshake_exc: BaseException | None) -> None:
        if handshake_exc is not None:
            with contextlib.suppress(Exception):
                self._process_outgoing()  # the alert
        super()._on_handshake_complete(handshake_exc)


class Waiting:
    """Who waits for something, in order. When there are more than `most`, the first one is ended."""

    def __init__(self, most: int):
        self.most = most
        self._ends: OrderedDict[Hashable, tuple[float, Callable[[], None]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, one: Hashable, end: Callable[[], None]) -> None:
        self._ends[one] = (time.monotonic(), end)
        if len(self._ends) > self.most:
            self.end_first()

    def remove(self, one: Hashable) -> None:
        self._ends.pop(one, None)

    def end_first(self) -> None:
        if self._ends:
            _, (_, end) = self._ends.popitem(last=False)
            end()

    def end_older(self, seconds: float) -> None:
        """End those that have waited for longer."""
        limit = time.monotonic() - seconds
        while self._ends and next(iter(self._ends.values()))[0] < limit:
            self.end_first()


class Acceptor:
    """A listening socket in an event loop; `connect` makes the protocol of a connection. Shaped like asyncio.Server."""

    def __init__(
        self,
        listener: socket.socket,
        connect: Callable[[], asyncio.BaseProtocol],
        context: ssl.SSLContext | None,
        *,
        most_silent: int,
    ):
        self._listener, self._connect, self._context = listener, connect, context
        self._loop = asyncio.get_running_loop()
        self._silent = Waiting(most_silent)
        self._shaking = Waiting(MOST_WAITING)
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeping: asyncio.TimerHandle | None = None
        self._closed = False
        listener.setblocking(False)
        self._listen()

    def close(self) -> None:
        self._closed = True
        self._loop.remove_reader(self._listener)
        if self._sweeping is not None:
            self._sweeping.cancel()
        while self._silent:
            self._silent.end_first()
        while self._shaking:
            self._shaking.end_first()

    async def wait_closed(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ------------------------------------------------------------------ parts

    def _listen(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as e:
                if e.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    raise
                self._silent.end_first()
                self._loop.remove_reader(self._listener)
                self._loop.call_later(0.1, self._listen)
                return
            connection.setblocking(False)
            self._silent.add(connection, lambda c=connection: self._drop(c))  # type: ignore[misc]
            self._loop.add_reader(connection, self._heard, connection)
            if self._sweeping is None:
                self._sweeping = self._loop.call_later(1.0, self._sweep)

    def _sweep(self) -> None:
        self._silent.end_older(PATIENCE)
        self._sweeping = self._loop.call_later(1.0, self._sweep) if self._silent else None

    def _drop(self, connection: socket.socket) -> None:
        self._loop.remove_reader(connection)
        connection.close()

    def _heard(self, connection: socket.socket) -> None:
        """The first byte is there, or the client is gone."""
        self._silent.remove(connection)
        self._loop.remove_reader(connection)
        try:
            first = connection.recv(1, socket.MSG_PEEK)
        except OSError:
            first = b""
        if first and (self._context is None or first == _TLS_HANDSHAKE):
            task = self._loop.create_task(self._hand_over(connection))
            self._tasks.add(task)
            self._shaking.add(task, task.cancel)  # type: ignore[arg-type]
            task.add_done_callback(self._handed_over)
            return
        if first:
            with contextlib.suppress(OSError):
                connection.send(_PLAIN)
        connection.close()

    async def _hand_over(self, connection: socket.socket) -> None:
        shaken: asyncio.Future[None] = self._loop.create_future()
        transport = None
        try:
            transport, _ = await self._loop.connect_accepted_socket(lambda: self._protocol(shaken), connection)
            await shaken
        except OSError:  # no handshake, no certificate that we know, no patience
            connection.close()
        except asyncio.CancelledError:
            if transport is not None:
                transport.abort()
            connection.close()
            raise

    def _protocol(self, shaken: asyncio.Future[None]) -> asyncio.BaseProtocol:
        if self._context is None:
            shaken.set_result(None)
            return self._connect()
        return TLSProtocol(
            self._loop, self._connect(), self._context, shaken, server_side=True, ssl_handshake_timeout=PATIENCE
        )

    def _handed_over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._shaking.remove(task)
