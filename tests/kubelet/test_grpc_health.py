"""gRPC health checks against a server that speaks HTTP/2."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from minikctl.kubelet import probe_handlers


class Server:
    """Answers by the service's name: `bad` is not serving, `none` has no health protocol, others serve."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.asked: list[tuple[dict[str, str], bytes]] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with sock:
                self._serve(sock)

    def _serve(self, sock: socket.socket) -> None:
        connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        sock.sendall(connection.data_to_send())
        headers, body = {}, b""
        while data := sock.recv(65536):
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived):
                    headers = dict(event.headers)
                elif isinstance(event, DataReceived):
                    body += event.data
                elif isinstance(event, StreamEnded):
                    self.asked.append((headers, body))
                    self._answer(connection, event.stream_id, body[7:].decode())
            sock.sendall(connection.data_to_send())

    def _answer(self, connection: H2Connection, stream: int, service: str) -> None:
        head = [(":status", "200"), ("content-type", "application/grpc")]
        if service == "none":
            connection.send_headers(
                stream, [*head, ("grpc-status", "12"), ("grpc-message", "unknown")], end_stream=True
            )
            return
        message = b"\x08\x02" if service == "bad" else b"\x08\x01"
        connection.send_headers(stream, head)
        connection.send_data(stream, b"\0" + struct.pack(">I", len(message)) + message)
        connection.send_headers(stream, [("grpc-status", "0")], end_stream=True)


class Network:
    """As much of a runtime as a probe of a port needs."""

    def dial(self, _sandbox: str, host: str, port: int, timeout: float) -> socket.socket:
        return socket.create_connection((host, port), timeout)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.listener.close()


def probe(port: int, service: str = "", timeout: float = 5) -> probe_handlers.Outcome:
    runtime: Any = Network()
    return probe_handlers._grpc(runtime, "s", "127.0.0.1", port, {"port": port, "service": service}, timeout)


def test_answers(server: Server) -> None:
    assert probe(server.port).ok is True
    assert probe(server.port, "fine").ok is True
    headers, body = server.asked[-1]
    assert headers[":path"] == "/grpc.health.v1.Health/Check" and body == b"\0\0\0\0\x06\x0a\x04fine"
    bad = probe(server.port, "bad")
    assert (bad.ok, bad.output) == (False, 'service unhealthy (responded with "NOT_SERVING")')
    none = probe(server.port, "none")
    assert none.ok is False and none.output.startswith("error: this server does not implement the grpc health protocol")


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found = probe(port)
    assert found.ok is False and found.output == (
        f'timeout: failed to connect service "127.0.0.1:{port}" within 5s: '
        f"dial tcp 127.0.0.1:{port}: connect: connection refused"
    )


def test_silence_and_rubbish() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert probe(silent.getsockname()[1], timeout=0.2).ok is False

        def rubbish() -> None:
            sock, _ = silent.accept()
            sock.close() if sock.recv(1) == b"" else sock.sendall(b"HTTP/1.1 400 no\r\n\r\n")
            sock, _ = silent.accept()
            sock.sendall(b"HTTP/1.1 400 no\r\n\r\n" * 10)

        threading.Thread(target=rubbish, daemon=True).start()
        assert probe(silent.getsockname()[1], timeout=1).ok is False
