"""Numbered channels over one stream socket, after one line of JSON each way.

The caller sends a line with its request and gets a line with the answer; then both send frames: one byte channel, four
bytes length (big-endian), the payload. The channels are those of Kubernetes' remote command protocol v5: 0 stdin,
1 stdout, 2 stderr, 3 the final Status, 4 the terminal's size, 255 "this channel (the payload's only byte) is closed".
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from typing import Any

STDIN, STDOUT, STDERR, ERROR, RESIZE, CURSOR, CLOSE = 0, 1, 2, 3, 4, 5, 255
"""CURSOR is our own: where in a log the data of the next frame ends."""
MAX_PAYLOAD = 16 * 1024 * 1024
MAX_LINE = 1024 * 1024
HEAD = struct.Struct(">BI")


class FrameError(Exception):
    """The other side does not speak this protocol, or was cut off in the middle."""


class FrameSocket:
    """One side of a connection. `recv` is for one thread, the others for any."""

    def __init__(self, sock: socket.socket):
        self._sock = sock
        self._buffer = bytearray()
        self._sending = threading.Lock()

    # ------------------------------------------------------------------ lines

    def send_line(self, message: Any) -> None:
        """Raises OSError."""
        self._sock.sendall(json.dumps(message).encode() + b"\n")

    def recv_line(self) -> Any:
        """Raises FrameError, OSError."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_LINE or not self._fill():
                raise FrameError("the connection ended before the first line")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        try:
            return json.loads(line)
        except ValueError:
            raise FrameError("the first line is not JSON") from None

    # ------------------------------------------------------------------ frames

    def send(self, channel: int, data: bytes) -> None:
        """Raises OSError when the other side is gone."""
        with self._sending:
            self._sock.sendall(HEAD.pack(channel, len(data)) + data)

    def close_channel(self, channel: int) -> None:
        """Say that nothing more comes on a channel."""
        self.send(CLOSE, bytes((channel,)))

    def recv(self) -> tuple[int, bytes] | None:
        """The next frame; None when the other side has ended (wherever: a lost peer is no error here)."""
        if not self._need(HEAD.size):
            return None
        channel, length = HEAD.unpack_from(self._buffer)
        if length > MAX_PAYLOAD:
            raise FrameError(f"a frame of {length} bytes")
        if not self._need(HEAD.size + length):
            return None
        data = bytes(self._buffer[HEAD.size : HEAD.size + length])
        del self._buffer[: HEAD.size + length]
        return channel, data

    def _need(self, size: int) -> bool:
        while len(self._buffer) < size:
            try:
                if not self._fill():
                    return False
            except OSError:
                return False
        return True

    def _fill(self) -> bool:
        part = self._sock.recv(65536)
        self._buffer += part
        return bool(part)

    # ------------------------------------------------------------------ the socket

    def fileno(self) -> int:
        return self._sock.fileno()

    def finish(self) -> None:
        """Nothing more comes from here; what the other side sends can still be read."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def hang_up(self) -> None:
        """Have both sides see the end; `recv` of another thread returns."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.hang_up()
        self._sock.close()
