"""Reading and writing one connection at once, from two threads, with and without TLS."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest

from minikctl.util.duplex import Duplex

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=["plain", "tls"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    if request.param == "tls":
        ours, theirs = _secured(ours, theirs, str(tmp_path_factory.mktemp("tls")))
    yield ours, theirs
    for sock in (ours, theirs):
        sock.close()


def _secured(ours: socket.socket, theirs: socket.socket, folder: str) -> Pair:
    from minikctl.apiserver.auth import pki

    certificate, key = pki.server_certificate(folder)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    secured: list[socket.socket] = []
    thread = threading.Thread(target=lambda: secured.append(server.wrap_socket(theirs, server_side=True)))
    thread.start()
    wrapped = client.wrap_socket(ours)
    thread.join(10)
    return wrapped, secured[0]


def echo(sock: socket.socket) -> None:
    other = Duplex(sock)
    with contextlib.suppress(OSError):
        while data := other.recv(10_000):
            other.sendall(data)


def run(target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def test_both_directions_at_once(pair: Pair) -> None:
    ours, theirs = Duplex(pair[0]), pair[1]
    data = os.urandom(20_000_000)
    run(lambda: echo(theirs))
    sender = run(lambda: [ours.sendall(data[i : i + 100_000]) for i in range(0, len(data), 100_000)] and None)
    seen = bytearray()
    while len(seen) < len(data):
        part = ours.recv(65536)
        assert part
        seen += part
    sender.join(10)
    assert seen == data and not sender.is_alive()


def test_closing_wakes_a_reader_and_a_writer(pair: Pair) -> None:
    ours = Duplex(pair[0])
    ended: list[object] = []

    def read() -> None:
        try:
            ended.append(ours.recv(10))
        except OSError as e:
            ended.append(e)

    def write() -> None:
        try:
            ours.sendall(bytes(50_000_000))
        except OSError as e:
            ended.append(e)

    threads = [run(read), run(write)]
    while not threads[1].is_alive():
        pass
    ours.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert len(ended) == 2
    with pytest.raises(OSError):
        ours.sendall(b"x")
