"""A socket that one thread reads while others write, TLS included.

OpenSSL does not allow two threads in one connection at once. Here nobody blocks inside of it: the socket is
non-blocking, calls into it take turns, and waiting is done outside.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading


class Duplex:
    """Takes over a connected socket. `recv` is for one thread, the others for any."""

    def __init__(self, sock: socket.socket):
        self._sock = sock
        self._turn = threading.Lock()
        self._sending = threading.Lock()
        sock.setblocking(False)

    def recv(self, size: int) -> bytes:
        """Blocks; b"" is the end. Raises OSError."""
        while True:
            with self._turn:
                try:
                    return self._sock.recv(size)
                except ssl.SSLWantWriteError:
                    wanted = select.POLLOUT
                except (ssl.SSLWantReadError, BlockingIOError):
                    wanted = select.POLLIN
            self._wait(wanted)

    def sendall(self, data: bytes) -> None:
        """Blocks while the other side does not read. Raises OSError."""
        view = memoryview(data)
        with self._sending:
            while view:
                with self._turn:
                    try:
                        view = view[self._sock.send(view) :]
                        continue
                    except ssl.SSLWantReadError:
                        wanted = select.POLLIN
                    except (ssl.SSLWantWriteError, BlockingIOError):
                        wanted = select.POLLOUT
                self._wait(wanted)

    def _wait(self, wanted: int) -> None:
        poll = select.poll()
        try:
            poll.register(self._sock, wanted)
        except ValueError:
            raise OSError("the socket is closed") from None
        poll.poll()

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        """Both sides see the end; calls of other threads return."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        with self._turn:
            self._sock.close()
