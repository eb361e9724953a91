"""exec, attach and port-forward over a WebSocket. Source: apimachinery `util/remotecommand`, KEP-4006, kubelet's portforward.

Kubernetes' channels are the first byte of every message; of a port-forward each port has two (data, error), and the
first message of each channel begins with the port's number.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from minikctl.client.http.answers import failure
from minikctl.client.http.credentials import Headers
from minikctl.client.http.transport import Query, Transport
from minikctl.client.protocol import Stream
from minikctl.util.errors import Unreachable

V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
STDOUT, ERROR, CLOSE = 1, 3, 255
DATA = 0
"""A port's first channel."""
MAX_MESSAGE = 16 << 20


def connect(transport: Transport, path: str, query: Query, *, port_forward: bool = False) -> Stream:
    """Open a stream. Raises ApiError for a refusal, Unreachable."""
    sock, credentials, target = transport.upgrade(path, query)
    wanted = (V4,) if port_forward else (V5, V4)
    try:
        stream = WebSocketStream(sock, f"ws://{transport.url.netloc}{target}", wanted)
        stream.open([("User-Agent", transport.agent), *credentials])
    except OSError as e:
        sock.close()
        raise Unreachable(f"Unable to connect to the server: {e}") from None
    except BaseException:
        sock.close()
        raise
    return PortForwardStream(stream) if port_forward else stream


class WebSocketStream:
    """A `Stream`. `recv` is for one thread, the others for any."""

    def __init__(self, sock: socket.socket, uri: str, subprotocols: Sequence[str]):
        self._sock = sock
        self._lock = threading.Lock()
        self._protocol = ClientProtocol(parse_uri(uri), subprotocols=list(subprotocols), max_size=MAX_MESSAGE)  # type: ignore[arg-type]
        self._events: deque[Any] = deque()
        self._parts = b""

    def open(self, headers: Headers) -> None:
        """The handshake. Raises ApiError for a refusal, Unreachable, OSError."""
        request = self._protocol.connect()
        for name, value in headers:
            request.headers[name] = value
        with self._lock:
            self._protocol.send_request(request)
            self._flush()
        response = self._event()
        if not isinstance(response, Response):
            raise ConnectionError("EOF")
        if response.status_code != 101:
            raise failure("GET", response.status_code, bytes(response.body or b""))
        if self._protocol.state is not State.OPEN:
            raise Unreachable("Unable to connect to the server: websocket: bad handshake")

    def send(self, channel: int, data: bytes) -> None:
        """Raises OSError when the other side is gone."""
        with self._lock:
            if self._protocol.state is not State.OPEN:
                raise BrokenPipeError("the connection is closed")
            self._protocol.send_binary(bytes((channel,)) + data)
            self._flush()

    def close_channel(self, channel: int) -> None:
        """v4 has no way to end one channel: stdin stays open until the session ends."""
        if self._protocol.subprotocol == V5:
            self.send(CLOSE, bytes((channel,)))

    def recv(self) -> tuple[int, bytes] | None:
        while (frame := self._event()) is not None:
            if not isinstance(frame, Frame) or frame.opcode not in (Opcode.BINARY, Opcode.TEXT, Opcode.CONT):
                continue
            self._parts += frame.data
            if not frame.fin:
                continue
            message, self._parts = self._parts, b""
            if message:
                return message[0], message[1:]
        return None

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        with contextlib.suppress(OSError), self._lock:
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(1000)
                self._flush()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _event(self) -> Any:
        """What comes next; None at the end."""
        while not self._events:
            try:
                data = self._sock.recv(65536)
            except (OSError, ValueError):
                return None
            with self._lock, contextlib.suppress(OSError):
                if data:
                    self._protocol.receive_data(data)
                else:
                    self._protocol.receive_eof()
                self._events.extend(self._protocol.events_received())
                self._flush()
            if not data and not self._events:
                return None
        return self._events.popleft()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._sock.sendall(data)


class PortForwardStream:
    """One forwarded port: its two channels (0 data, 1 error), without the port's number that each begins with."""

    def __init__(self, inner: WebSocketStream):
        self._inner = inner
        self._begun: set[int] = set()

    def send(self, channel: int, data: bytes) -> None:
        self._inner.send(channel, data)

    def close_channel(self, channel: int) -> None:
        self._inner.close_channel(channel)

    def recv(self) -> tuple[int, bytes] | None:
        while (frame := self._inner.recv()) is not None:
            channel, data = frame
            if channel not in self._begun:
                self._begun.add(channel)
                data = data[2:]
                if not data:
                    continue
            if channel == DATA:
                return STDOUT, data
            return ERROR, json.dumps({"status": "Failure", "message": data.decode(errors="replace")}).encode()
        return None

    def fileno(self) -> int:
        return self._inner.fileno()

    def close(self) -> None:
        self._inner.close()
