"""Constant load of HTTP requests, and what became of each."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

REQUEST = b"GET /hostname HTTP/1.1\r\nHost: web\r\n%s\r\n"
KEEP, CLOSE = b"", b"Connection: close\r\n"
Connect = Callable[[], socket.socket]


@dataclass
class Load:
    """Counts; `failures` have the reason of each failed request. `gap`: the longest time without an answer, seconds."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)
    bodies: set[str] = field(default_factory=set)
    gap: float = 0.0


class Connection:
    """One that is kept. As every HTTP client does, a request is repeated on a new connection when the server has ended
    the kept one before it answered a byte."""

    def __init__(self, connect: Connect):
        self._connect = connect
        self._sock: socket.socket | None = None

    def get(self, keep: bool) -> str:
        """The answer's body. Raises OSError, ValueError."""
        request = REQUEST % (KEEP if keep else CLOSE)
        if self._sock is not None:
            with contextlib.suppress(_Ended, BrokenPipeError):
                return self._exchange(self._sock, request, keep)
        self._sock = self._connect()
        return self._exchange(self._sock, request, keep)

    def _exchange(self, sock: socket.socket, request: bytes, keep: bool) -> str:
        try:
            sock.sendall(request)
            head, _, body = _until(sock, b"\r\n\r\n")
        except OSError:
            self.close()
            raise
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise ValueError(head.split(b"\r\n")[0].decode())
        headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(headers[b"content-length"])
        while len(body) < length:
            data = sock.recv(65536)
            if not data:
                raise ConnectionResetError("ended within an answer")
            body += data
        if not keep or headers.get(b"connection") == b"close":
            self.close()
        return body.decode()

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None


class _Ended(ConnectionResetError):
    """The server has ended the connection without an answer."""


def _until(sock: socket.socket, mark: bytes) -> tuple[bytes, bytes, bytes]:
    data = b""
    while mark not in data:
        try:
            more = sock.recv(65536)
        except ConnectionResetError:
            more = b""
        if not more:
            raise ConnectionResetError("ended within an answer") if data else _Ended("ended without an answer")
        data += more
    return data.partition(mark)


@contextlib.contextmanager
def load(connect: Connect, *, keep: bool) -> Iterator[Load]:
    """Requests one after the other in a thread, until the block ends."""
    result, stopped = Load(), threading.Event()

    def run() -> None:
        connection = Connection(connect)
        last = time.monotonic()
        while not stopped.is_set():
            try:
                result.bodies.add(connection.get(keep))
                result.answered += 1
            except (OSError, ValueError) as e:
                result.failures.append(f"{type(e).__name__}: {e}")
                connection.close()
            now = time.monotonic()
            result.gap, last = max(result.gap, now - last), now
            stopped.wait(0.002)
        connection.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield result
    finally:
        stopped.set()
        thread.join(15)


def get(connect: Connect) -> str:
    """One request. Raises OSError, ValueError."""
    connection = Connection(connect)
    try:
        return connection.get(keep=False)
    finally:
        connection.close()
