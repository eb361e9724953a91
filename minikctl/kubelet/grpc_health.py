"""One question of gRPC's health protocol (grpc.health.v1.Health/Check), over a connected socket.

A whole gRPC library for a request of a dozen bytes would be ten times the size of this program; HTTP/2 itself is the
library h2's. Source: grpc `health/v1/health.proto`, kubelet `pkg/probe/grpc/grpc.go`.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

PATH = "/grpc.health.v1.Health/Check"
STATUSES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
UNIMPLEMENTED = 12
MOST = 64 * 1024


class GrpcFailure(Exception):
    """The server answered with a gRPC status other than OK: `code` and its message."""

    def __init__(self, code: int, text: str):
        super().__init__(text)
        self.code = code


def check(sock: socket.socket, authority: str, service: str, agent: str) -> str:
    """The name of the status. Raises GrpcFailure, OSError (TimeoutError among them)."""
    from h2.connection import H2Connection
    from h2.exceptions import ProtocolError

    connection: Any = H2Connection()
    connection.initiate_connection()
    stream = connection.get_next_available_stream_id()
    headers = [(":method", "POST"), (":scheme", "http"), (":path", PATH), (":authority", authority)]
    headers += [("content-type", "application/grpc"), ("te", "trailers"), ("user-agent", agent)]
    connection.send_headers(stream, headers)
    message = b"" if not service else b"\x0a" + bytes((len(service.encode()),)) + service.encode()
    connection.send_data(stream, b"\0" + struct.pack(">I", len(message)) + message, end_stream=True)
    sock.sendall(connection.data_to_send())
    try:
        return _answer(sock, connection)
    except ProtocolError as e:
        raise ConnectionError(f"not HTTP/2: {e}") from None


def _answer(sock: socket.socket, connection: Any) -> str:
    from h2 import events

    body, found = b"", dict[str, str]()
    while True:
        data = sock.recv(65536)
        if not data:
            raise ConnectionResetError("the connection was closed before the answer")
        for event in connection.receive_data(data):
            if isinstance(event, events.ResponseReceived | events.TrailersReceived):
                found |= {_text(k): _text(v) for k, v in event.headers or []}
            elif isinstance(event, events.DataReceived):
                body = (body + (event.data or b""))[:MOST]
            elif isinstance(event, events.StreamEnded):
                return _status(found, body)
            elif isinstance(event, events.StreamReset | events.ConnectionTerminated):
                raise ConnectionResetError("the stream was reset")
        sock.sendall(connection.data_to_send())


def _status(headers: dict[str, str], body: bytes) -> str:
    code = headers.get("grpc-status", "")
    if code not in ("", "0"):
        raise GrpcFailure(int(code) if code.isdigit() else 2, headers.get("grpc-message", ""))
    message = body[5:]
    value = message[1] if len(message) >= 2 and message[0] == 0x08 else 0
    return STATUSES.get(value, str(value))


def _text(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
