"""The host's side of the proxy: listeners that stay when who asked for them goes."""

from __future__ import annotations

import errno
import os
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from minikctl.proxy import host
from minikctl.proxy.host import HostSide
from tests.support.waiting import eventually


@pytest.fixture
def side(tmp_path: Path) -> Iterator[HostSide]:
    (tmp_path / "run").mkdir()
    listener = host._serve_at(tmp_path / "run" / host.SOCKET)
    stopped, (wake, waking) = threading.Event(), os.pipe()
    thread = threading.Thread(target=host.serve, args=(listener, wake, stopped), daemon=True)
    thread.start()
    made = HostSide.of(tmp_path)
    made.wait()
    yield made
    made.close()
    stopped.set()
    os.write(waking, b"x")
    thread.join(60)
    os.close(wake)
    os.close(waking)


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_connections_wait_for_the_next_proxy(side: HostSide) -> None:
    port = free_port()
    side.listen("tcp", "127.0.0.1", port).close()
    side.close()
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        again = HostSide(side.path)
        listener = again.listen("tcp", "127.0.0.1", port)
        listener.settimeout(5)
        server, _ = listener.accept()
        server.sendall(b"late, but here")
        assert client.recv(100) == b"late, but here"
        server.close()
        listener.close()
        again.close()


def test_only_what_is_kept_stays_open(side: HostSide) -> None:
    one, two = free_port(), free_port()
    for port in (one, two):
        side.listen("tcp", "127.0.0.1", port).close()
    side.keep([("tcp", "127.0.0.1", one)])
    socket.create_connection(("127.0.0.1", one), 5).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", two), 5)


def test_a_port_that_others_have(side: HostSide) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(OSError) as e:
            side.listen("tcp", "127.0.0.1", other.getsockname()[1])
    assert e.value.errno == errno.EADDRINUSE


def test_udp_and_new_sockets(side: HostSide) -> None:
    port = free_port(socket.SOCK_DGRAM)
    with side.listen("udp", "127.0.0.1", port) as listener, side.new_socket("udp") as client:
        client.connect(("127.0.0.1", port))
        client.send(b"hello")
        listener.settimeout(5)
        assert listener.recv(100) == b"hello"
    with side.new_socket("tcp") as made:
        assert made.type == socket.SOCK_STREAM and not made.getblocking()


def test_requests_that_make_no_sense_do_no_harm(side: HostSide) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.settimeout(5)
        client.connect(str(side.path))
        for junk in (
            b"{",
            b"[]",
            b'"x"',
            b'{"do": "dance"}',
            b'{"do": "listen"}',
            b'{"do": "keep", "listeners": 3}',
            b"\xff\xfe",
        ):
            client.send(junk)
            assert b"error" in client.recv(1000)
        client.send(b'{"do": "listen", "protocol": "tcp", "address": "127.0.0.1", "port": 99999}')
        assert b"error" in client.recv(1000)
    side.new_socket("tcp").close()


def test_its_end_is_noticed(side: HostSide, tmp_path: Path) -> None:
    fd = side.watch()
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    assert poll.poll(0) == []
    os.close(fd)


def test_a_host_that_is_gone_is_told_apart(tmp_path: Path) -> None:
    """A port that cannot be had is a matter of its Service; this is not, and ends in no traceback."""
    (tmp_path / "run").mkdir()
    gone = HostSide.of(tmp_path)
    with pytest.raises(host.HostGone, match="has ended: No such file or directory"):
        gone.keep([])
    with host._serve_at(tmp_path / "run" / host.SOCKET) as listener:
        with gone._connect():
            listener.accept()[0].close()
        threading.Thread(target=lambda: [listener.accept()[0].close() for _ in range(2)], daemon=True).start()
        with pytest.raises(host.HostGone, match="has ended"):
            gone.listen("tcp", "127.0.0.1", 1)
    with pytest.raises(host.HostGone, match="has ended: Connection refused"):
        gone.new_socket("udp")


def test_it_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    late = HostSide.of(tmp_path)
    with pytest.raises(OSError):
        late.wait(0.05)
    listener: list[socket.socket] = []
    timer = threading.Timer(0.2, lambda: listener.append(host._serve_at(tmp_path / "run" / host.SOCKET)))
    timer.start()
    late.wait(5)
    eventually(lambda: bool(listener))
    late.close()
    listener[0].close()
