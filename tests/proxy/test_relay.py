"""Connections that this process carries, between plain loopback sockets."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from minikctl.proxy import relay as relaying
from minikctl.proxy.balancer import CLUSTER, HOST, INSIDE, Balancer
from minikctl.proxy.relay.loop import Relay
from minikctl.proxy.rules import Endpoint, Node, Target
from tests.support.waiting import eventually

KEY = ("Service", "default", "web", "")
Serve = Callable[..., Endpoint]


@pytest.fixture
def relay() -> Iterator[Relay]:
    def dial(_endpoint: Endpoint, protocol: str) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
        sock.setblocking(False)
        return sock

    made = Relay(dial)
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    yield made
    made.stop()
    thread.join(5)
    assert not thread.is_alive()


@pytest.fixture
def server() -> Iterator[Serve]:
    """`server(answer)`: an endpoint whose connections `answer` handles, each in a thread."""
    with contextlib.ExitStack() as stack:

        def serve(answer: Callable[[socket.socket], None]) -> Endpoint:
            sock = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            stack.callback(sock.shutdown, socket.SHUT_RDWR)

            def run() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        client, _ = sock.accept()
                        threading.Thread(target=_with, args=(client, answer), daemon=True).start()

            threading.Thread(target=run, daemon=True).start()
            return Endpoint("127.0.0.1", sock.getsockname()[1])

        yield serve


def _with(client: socket.socket, answer: Callable[[socket.socket], None]) -> None:
    with contextlib.suppress(OSError), client:
        answer(client)


def echo(client: socket.socket) -> None:
    while data := client.recv(65536):
        client.sendall(data)


def dead_end() -> Endpoint:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return Endpoint("127.0.0.1", sock.getsockname()[1])


def open_front(relay: Relay, kind: str = HOST, **target: object) -> tuple[str, int]:
    found = target.get("endpoints", ())
    balancer = Balancer(Target(KEY, "tcp", **{"external": found, **target}), {}, random.Random(1))  # type: ignore[arg-type]
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    done = threading.Event()
    relay.call(lambda: relay.add_front("front", relaying.front(relay, listener, balancer, kind)))
    relay.call(done.set)
    assert done.wait(5)
    address: tuple[str, int] = listener.getsockname()
    return address


def connect(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, 10)


def test_an_endpoint_that_refuses_is_replaced(relay: Relay, server: Serve) -> None:
    ends = (dead_end(), dead_end(), server(echo))
    address = open_front(relay, endpoints=ends)
    for _ in range(20):
        with connect(address) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"hello"


def test_nobody_answers(relay: Relay) -> None:
    address = open_front(relay, endpoints=(dead_end(), dead_end()))
    with pytest.raises(ConnectionResetError), connect(address) as client:
        client.recv(1)
    eventually(lambda: not relay.connections)


def test_a_slow_reader_holds_up_its_writer_alone(relay: Relay, server: Serve) -> None:
    size, sent = 30 << 20, []

    def pour(client: socket.socket) -> None:
        client.recv(1)
        client.sendall(bytes(size))
        sent.append(True)

    address = open_front(relay, endpoints=(server(pour),))
    with connect(address) as slow, connect(address) as other:
        slow.sendall(b"x")
        other.sendall(b"x")
        assert _read(other) == size and len(sent) == 1, "the other one got everything meanwhile"
        assert _read(slow) == size and len(sent) == 2


def _read(sock: socket.socket) -> int:
    total = 0
    while data := sock.recv(1 << 20):
        total += len(data)
    return total


def test_half_closed_both_ways(relay: Relay, server: Serve) -> None:
    def count(client: socket.socket) -> None:
        client.sendall(str(_read(client)).encode())

    address = open_front(relay, endpoints=(server(count),))
    with connect(address) as client:
        client.sendall(bytes(1000))
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b"1000" and client.recv(1) == b""

    def greet(client: socket.socket) -> None:
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        got.append(_read(client))

    got: list[int] = []
    address = open_front(relay, endpoints=(server(greet),))
    with connect(address) as client:
        assert client.recv(100) == b"hello" and client.recv(1) == b""
        client.sendall(bytes(2000))
    eventually(lambda: got == [2000])
    eventually(lambda: not relay.connections)


def test_a_reset_is_passed_on(relay: Relay, server: Serve) -> None:
    import struct

    def hang_up(client: socket.socket) -> None:
        client.recv(1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    address = open_front(relay, endpoints=(server(hang_up),))
    with connect(address) as client:
        client.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    eventually(lambda: not relay.connections)


def test_who_may_come(relay: Relay, server: Serve) -> None:
    end = server(echo)
    with connect(open_front(relay, endpoints=(end,), source_ranges=("127.0.0.0/8",))) as client:
        client.sendall(b"in")
        assert client.recv(10) == b"in"
    elsewhere = open_front(relay, endpoints=(end,), source_ranges=("10.0.0.0/8",))
    with pytest.raises(ConnectionResetError), connect(elsewhere) as client:
        client.recv(10)
    relay.permits = lambda _client, _endpoint, _protocol: False
    inside = open_front(relay, INSIDE, endpoints=(end,))
    with pytest.raises(ConnectionResetError), connect(inside) as client:
        client.recv(10)


# ---------------------------------------------------------------------- balancing

A, B, C = (Endpoint(f"10.244.1.{i}", 80, "n1") for i in (1, 2, 3))
NODES = {"n1": Node(("172.18.0.2",), "10.244.1.0/24"), "n2": Node(("172.18.0.3",), "10.244.2.0/24")}


def test_affinity_lasts_its_time() -> None:
    now = [0.0]
    target = Target(KEY, "tcp", endpoints=(A, B, C), affinity=10)
    balancer = Balancer(target, NODES, random.Random(3), lambda: now[0])
    first = balancer.pick(INSIDE, "10.244.2.9")
    for _ in range(30):
        now[0] += 9
        assert balancer.pick(INSIDE, "10.244.2.9") == first
    assert len({balancer.pick(INSIDE, f"10.244.2.{i}") for i in range(50)}) == 3
    seen = set()
    for _ in range(50):
        now[0] += 11
        seen.add(balancer.pick(INSIDE, "10.244.2.9"))
    assert len(seen) == 3
    left = tuple(e for e in (A, B, C) if e != balancer.pick(INSIDE, "10.244.2.9"))
    balancer.update(replace(target, endpoints=left), NODES)
    assert balancer.pick(INSIDE, "10.244.2.9") in left


@pytest.mark.parametrize(
    ("kind", "client", "local_only", "found"),
    [
        (CLUSTER, "10.244.1.9", True, (A,)),
        (CLUSTER, "172.18.0.3", True, (B,)),
        (CLUSTER, "10.244.3.9", True, ()),
        (INSIDE, "10.244.1.9", True, (A, B)),
        (HOST, "127.0.0.1", True, (C,)),
        (CLUSTER, "10.244.1.9", False, (A,)),
        (INSIDE, "10.244.1.9", False, (A,)),
        (CLUSTER, "10.244.3.9", False, (A, B)),
    ],
)
def test_endpoints_by_node(kind: str, client: str, local_only: bool, found: tuple[Endpoint, ...]) -> None:
    by_node = (("n1", (A,)), ("n2", (B,)))
    target = Target(KEY, "tcp", endpoints=(A, B), by_node=by_node, local_only=local_only, external=(C,))
    assert Balancer(target, NODES).candidates(kind, client) == found
