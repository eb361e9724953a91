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
from websockets.datastructures import Headers as Headers_
from websockets.exceptions import NegotiationError
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from minikctl.client.http.answers import failure
from minikctl.client.http.credentials import Headers
from minikctl.client.http.transport import Query, Transport
from minikctl.client.protocol import Stream
from minikctl.util import spdy
from minikctl.util.duplex import Duplex
from minikctl.util.errors import Unreachable

V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
TUNNEL = "SPDY/3.1+portforward.k8s.io"
MOST_DATA = 32 * 1024
"""Bytes in one SPDY frame."""
STDOUT, ERROR, CLOSE = 1, 3, 255
DATA = 0
"""A port's first channel."""
MAX_MESSAGE = 16 << 20


def connect(transport: Transport, path: str, query: Query, *, port: int | None = None) -> Stream:
    """Open a stream; to a pod's port when one is given (0: to none of them). Raises ApiError for a refusal, Unreachable."""
    sock, credentials, target = transport.upgrade(path, query)
    wanted = (V5, V4) if port is None else (TUNNEL, V4) if port else (TUNNEL,)
    try:
        stream = WebSocketStream(sock, f"ws://{transport.url.netloc}{target}", wanted)
        stream.open([("User-Agent", transport.agent), *credentials])
        if port is None:
            return stream
        return TunnelStream(stream, port) if stream.protocol == TUNNEL else PortForwardStream(stream)
    except OSError as e:
        sock.close()
        raise Unreachable(f"Unable to connect to the server: {e}") from None
    except BaseException:
        sock.close()
        raise


class WebSocketStream:
    """A `Stream`. `recv` is for one thread, the others for any."""

    def __init__(self, sock: socket.socket, uri: str, subprotocols: Sequence[str]):
        self._sock = Duplex(sock)
        self._lock = threading.Lock()
        """The protocol's state. Never held while the socket is written to: reading must go on when writing cannot."""
        self._writing = threading.Lock()
        self._outgoing: deque[bytes] = deque()
        self._offered = subprotocols
        self._protocol = ClientProtocol(parse_uri(uri), max_size=MAX_MESSAGE)
        # the library takes `SPDY/3.1+…` for no subprotocol, ours or the server's
        vars(self._protocol)["process_subprotocol"] = self._chosen
        self._events: deque[Any] = deque()
        self._parts = b""

    def open(self, headers: Headers) -> None:
        """The handshake. Raises ApiError for a refusal, Unreachable, OSError."""
        request = self._protocol.connect()
        request.headers["Sec-WebSocket-Protocol"] = ", ".join(self._offered)
        for name, value in headers:
            request.headers[name] = value
        with self._lock:
            self._protocol.send_request(request)
            self._collect()
        self._write()
        response = self._event()
        if not isinstance(response, Response):
            raise ConnectionError("EOF")
        if response.status_code != 101:
            raise failure("GET", response.status_code, bytes(response.body or b""))
        if self._protocol.state is not State.OPEN:
            raise Unreachable("Unable to connect to the server: websocket: bad handshake")

    def _chosen(self, headers: Headers_) -> str:
        """Raises NegotiationError for what was not offered."""
        given = headers.get("Sec-WebSocket-Protocol") or ""
        if given not in self._offered:
            raise NegotiationError(f"unsupported subprotocol: {given}")
        return given

    @property
    def protocol(self) -> str:
        return str(self._protocol.subprotocol)

    def send_message(self, data: bytes) -> None:
        """Raises OSError when the other side is gone."""
        with self._lock:
            if self._protocol.state is not State.OPEN:
                raise BrokenPipeError("the connection is closed")
            self._protocol.send_binary(data)
            self._collect()
        self._write()

    def send(self, channel: int, data: bytes) -> None:
        """Raises OSError when the other side is gone."""
        self.send_message(bytes((channel,)) + data)

    def close_channel(self, channel: int) -> None:
        """v4 has no way to end one channel: stdin stays open until the session ends."""
        if self.protocol == V5:
            self.send(CLOSE, bytes((channel,)))

    def recv_message(self) -> bytes | None:
        """None at the end."""
        while (frame := self._event()) is not None:
            if not isinstance(frame, Frame) or frame.opcode not in (Opcode.BINARY, Opcode.TEXT, Opcode.CONT):
                continue
            self._parts += frame.data
            if frame.fin:
                message, self._parts = self._parts, b""
                return message
        return None

    def recv(self) -> tuple[int, bytes] | None:
        while (message := self.recv_message()) is not None:
            if message:
                return message[0], message[1:]
        return None

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        with self._lock:
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(1000)
                self._collect()
        with contextlib.suppress(OSError):
            self._write(wait=False)
        self._sock.close()

    def _event(self) -> Any:
        """What comes next; None at the end."""
        while not self._events:
            try:
                data = self._sock.recv(65536)
            except (OSError, ValueError):
                return None
            with self._lock:
                if data:
                    self._protocol.receive_data(data)
                else:
                    self._protocol.receive_eof()
                self._events.extend(self._protocol.events_received())
                self._collect()
            with contextlib.suppress(OSError):
                self._write(wait=False)
            if not data and not self._events:
                return None
        return self._events.popleft()

    def _collect(self) -> None:
        """Take what the protocol wants to say, in its order; under the lock."""
        self._outgoing.extend(d for d in self._protocol.data_to_send() if d)

    def _write(self, *, wait: bool = True) -> None:
        """Send what was collected. Without `wait`, it is left to the thread that is sending already. Raises OSError."""
        while self._outgoing:
            if not self._writing.acquire(blocking=wait):
                return
            try:
                while self._outgoing:
                    self._sock.sendall(self._outgoing.popleft())
            finally:
                self._writing.release()


def _failure(text: bytes) -> bytes:
    """What is said of a port, as a Status."""
    return json.dumps({"status": "Failure", "message": text.decode(errors="replace")}).encode()


class TunnelStream:
    """One forwarded port over SPDY in messages, as kubectl does it: either side can end its direction alone."""

    _ERRORS, _DATA = 1, 3

    def __init__(self, inner: WebSocketStream, port: int):
        self._inner, self._framer = inner, spdy.Framer()
        self._sending = threading.Lock()
        self._frames: deque[spdy.Frame] = deque()
        self._open = {self._ERRORS, self._DATA}
        self._complaint = b""
        if not port:
            return
        headers = {"port": str(port), "requestID": "0"}
        self._send(spdy.SynStream(self._ERRORS, {"streamType": "error", **headers}))
        self._send(spdy.Data(self._ERRORS, b"", fin=True))
        self._send(spdy.SynStream(self._DATA, {"streamType": "data", **headers}))

    def _send(self, frame: spdy.Frame) -> None:
        with self._sending:
            self._inner.send_message(self._framer.encode(frame))

    def send(self, channel: int, data: bytes) -> None:
        for at in range(0, len(data), MOST_DATA):
            self._send(spdy.Data(self._DATA, data[at : at + MOST_DATA]))

    def close_channel(self, channel: int) -> None:
        self._send(spdy.Data(self._DATA, b"", fin=True))

    def recv(self) -> tuple[int, bytes] | None:
        while self._open and (frame := self._next()) is not None:
            if isinstance(frame, spdy.Data):
                if frame.fin:
                    self._open.discard(frame.stream)
                if frame.stream == self._ERRORS:
                    self._complaint += frame.data
                elif frame.data:
                    return STDOUT, frame.data
            elif isinstance(frame, spdy.Reset):
                self._open.discard(frame.stream)
            elif isinstance(frame, spdy.Ping) and frame.id % 2 == 0:
                self._send(frame)
            elif isinstance(frame, spdy.GoAway):
                self._open.clear()
        complaint, self._complaint = self._complaint, b""
        return (ERROR, _failure(complaint)) if complaint else None

    def _next(self) -> spdy.Frame | None:
        """None at the end, which rubbish is too."""
        while not self._frames:
            message = self._inner.recv_message()
            if message is None:
                return None
            try:
                self._frames.extend(self._framer.feed(message))
            except spdy.SpdyError:
                return None
        return self._frames.popleft()

    def fileno(self) -> int:
        return self._inner.fileno()

    def close(self) -> None:
        self._inner.close()


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
            return ERROR, _failure(data)
        return None

    def fileno(self) -> int:
        return self._inner.fileno()

    def close(self) -> None:
        self._inner.close()
