"""What goes over the wire: to endpoints, back to clients, and when something is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minikctl.api.ingress_rules import PREFIX
from minikctl.ingress.engine import client, exchange
from minikctl.ingress.model import (
    Backend,
    Canary,
    Endpoint,
    Filters,
    HeaderChange,
    Listener,
    Mirror,
    Route,
    Settings,
    Sticky,
    Table,
    Weighted,
)
from minikctl.ingress.nginx_annotations import PARSERS, parse
from minikctl.ingress.nginx_annotations import PREFIX as PREFIX_OF_ALL
from minikctl.ingress.process import most_clients
from tests.ingress.rig import Request, Rig, read_all, read_request, read_until
from tests.support.waiting import eventually

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.close()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def head(answer: bytes) -> str:
    return answer.partition(b"\r\n\r\n")[0].decode("latin-1")


# ---------------------------------------------------------------------- requests


def test_headers_to_the_endpoint(rig: Rig) -> None:
    rig.route(rig.answering(OK))
    rig.get(
        "/a/b?c=d",
        "X-Custom: one",
        "X-Forwarded-For: 6.6.6.6",
        "X-Real-IP: 6.6.6.6",
        "Keep-Alive: timeout=5",
        "TE: trailers",
        "X_Forwarded_For: 6.6.6.7",
        "Content_Length: 5",
        "X_Own: two",
        "X-Secret: this connection's",
        "Connection: X-Secret",
    )
    sent = rig.requests[0]
    assert (sent.method, sent.target, sent.version) == ("GET", "/a/b?c=d", "HTTP/1.1")
    assert {n: sent.get(n) for n in ("Host", "X-Custom", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Host")} == {
        "Host": "shop.example.com",
        "X-Custom": "one",
        "X-Real-IP": "127.0.0.1",
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Host": "shop.example.com",
    }
    assert (sent.get("X-Forwarded-Proto"), sent.get("X-Scheme")) == ("http", "http")
    assert sent.get("X-Forwarded-Port") == str(rig.port)
    assert sent.get("X-Original-Forwarded-For") == "6.6.6.6"
    assert [sent.get(n) for n in ("X_Forwarded_For", "Content_Length", "X_Own")] == [None, None, "two"]
    assert len(sent.get("X-Request-ID") or "") == 32
    assert [n for n in ("Keep-Alive", "TE", "X-Secret", "Connection") if sent.get(n)] == []


def test_vhost(rig: Rig) -> None:
    rig.route(rig.answering(OK), settings=Settings(vhost="inner.local"))
    rig.get()
    assert (rig.requests[0].get("Host"), rig.requests[0].get("X-Forwarded-Host")) == ("inner.local", "shop.example.com")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
            b"hello world",
        ),
        (b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", b""),
        (b"GET http://x/abs HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n", b""),
    ],
)
def test_bodies_of_requests(rig: Rig, raw: bytes, expected: bytes) -> None:
    rig.route(rig.answering(OK))
    assert status(rig.exchange(raw)) == 200
    assert rig.requests[0].body == expected


def test_a_large_body_streams(rig: Rig) -> None:
    rig.route(rig.answering(lambda r: OK if len(r.body) == 6_000_000 else b""), settings=Settings(body_size=0))
    raw = b"PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 6000000\r\n\r\n" + b"a" * 6_000_000
    assert status(rig.exchange(raw)) == 200


def test_the_endpoint_gets_a_body_piece_by_piece(rig: Rig) -> None:
    came = threading.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"first")
        came.set()
        await reader.readuntil(b"second")
        writer.write(OK)
        await writer.drain()

    rig.route(rig.serve(handle))
    with rig.client() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nfirst")
        assert came.wait(10)
        sock.sendall(b"second")
        assert b"200 OK" in read_until(sock, b"ok")


def test_continue(rig: Rig) -> None:
    rig.route(rig.answering(OK))
    with rig.client() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 100 Continue")
        sock.sendall(b"hello")
        assert b"200 OK" in read_until(sock, b"ok")
    assert rig.requests[0].body == b"hello" and rig.requests[0].get("Expect") is None


@pytest.mark.parametrize(
    "raw",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n" + b"a" * 2000,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\nExpect: 100-continue\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + b"a" * 2000 + b"\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n" + b"a",
    ],
)
def test_too_large_a_body(rig: Rig, raw: bytes) -> None:
    rig.route(rig.answering(OK), settings=Settings(body_size=1000))
    with rig.client() as sock:
        sock.sendall(raw)
        assert b"413 Request Entity Too Large" in read_until(sock, b"</html>")
    assert [r for r in rig.requests if len(r.body) == 2000] == []


# ---------------------------------------------------------------------- connections of clients


def test_one_connection_for_many_requests(rig: Rig) -> None:
    rig.route(rig.answering(OK))
    with rig.client() as sock:
        for _ in range(5):
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"Connection" not in read_until(sock, b"ok")
    assert (len(rig.requests), rig.connections) == (5, 1)


def test_requests_that_are_sent_without_waiting_are_answered_in_order(rig: Rig) -> None:
    rig.route(rig.answering(lambda r: b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + r.target[1:].encode()))
    with rig.client() as sock:
        sock.sendall(b"".join(b"GET /%03d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(50)))
        text = read_until(sock, b"049")
    assert [part[:3] for part in text.split(b"\r\n\r\n")[1:]] == [b"%03d" % n for n in range(50)]


def test_http_1_0(rig: Rig) -> None:
    rig.route(rig.answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"))
    answer = rig.exchange(b"GET / HTTP/1.0\r\n\r\n")
    assert body(answer) == b"ok" and "chunked" not in head(answer)
    rig.route(rig.answering(OK))
    with rig.client() as sock:
        for _ in range(2):
            sock.sendall(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert b"Connection: keep-alive" in read_until(sock, b"ok")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"GET /../../etc HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: y\0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n", 400),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 300 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 40000, 431),
    ],
)
def test_what_is_not_http_is_refused(rig: Rig, raw: bytes, expected: int) -> None:
    rig.route(rig.answering(OK))
    with rig.client() as sock:
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_WR)
        assert status(read_all(sock)) == expected
    assert rig.requests == []
    assert status(rig.get()) == 200


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"fffffffffffffffff5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloXX0\r\n\r\n",
        b"5;a\nhello\r\n0\r\n\r\n",
    ],
)
def test_chunks_that_are_none(rig: Rig, body: bytes) -> None:
    """The request is refused, and what follows it is not taken for another one."""

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read())

    seen: list[bytes] = []
    rig.route(rig.serve(silent))
    with rig.client() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + SMUGGLED)
        assert status(read_all(sock)) == 400
    assert not any(b"smuggled" in s for s in seen)


def test_trailers_are_not_passed_on(rig: Rig) -> None:
    rig.route(rig.answering(OK))
    body = b"5\r\nhello\r\n0\r\nHost: evil\r\nX-Late: y\r\n\r\n"
    with rig.client() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + SMUGGLED)
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock).count(b"200 OK") == 2
    first, second = rig.requests
    assert (first.body, first.get("host"), first.get("x-late")) == (b"hello", "a", None)
    assert second.target == "/smuggled"  # which is a request of its own right, and routed as such


@pytest.mark.parametrize(("sent", "answered"), [(b"hello", True), (b"hel", False)])
def test_a_client_that_ends_its_side(rig: Rig, sent: bytes, answered: bool) -> None:
    """It gets its answer when it has asked; either way nothing is kept for it."""
    rig.route(rig.answering(OK))
    with rig.client() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n" + sent)
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock).startswith(b"HTTP/1.1 200") == answered
    eventually(lambda: rig.engine.clients == 0)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", 408),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab", 408),
    ],
)
def test_slow_clients(rig: Rig, monkeypatch: pytest.MonkeyPatch, sent: bytes, expected: int) -> None:
    monkeypatch.setattr(client, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(client, "BODY_SECONDS", 0.2)
    rig.route(rig.answering(OK))
    with rig.client() as sock:
        sock.sendall(sent)
        assert status(read_all(sock)) == expected


def test_a_client_that_drips_its_head_has_one_time_for_all_of_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "HEAD_SECONDS", 0.3)
    rig.route(rig.answering(OK))
    with rig.client() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n")
        sock.settimeout(0.05)
        received = b""
        for _ in range(200):
            try:
                sock.sendall(b"X: y\r\n")
                received += sock.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                break
            break
        assert status(received) == 408


def test_more_clients_than_there_is_room_for(rig: Rig) -> None:
    """They are turned away; the others are served, and so is who comes when they have gone."""
    rig.engine.most_clients = 3
    rig.route(rig.answering(OK))
    opened = [socket.create_connection(("127.0.0.1", rig.port), 10) for _ in range(3)]
    try:
        eventually(lambda: rig.engine.clients == 3)
        with rig.client() as late, contextlib.suppress(ConnectionError):
            assert read_all(late) == b""
        opened[0].sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert status(read_all(opened[0])) == 200
    finally:
        for sock in opened:
            sock.close()
    eventually(lambda: rig.engine.clients == 0)
    assert status(rig.get()) == 200


@pytest.mark.parametrize(("descriptors", "expected"), [(16384, 8128), (1 << 20, 8192), (1024, 448), (20, 16)])
def test_room_for_clients(descriptors: int, expected: int) -> None:
    assert most_clients(descriptors) == expected


def test_idle_connections_are_closed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "IDLE_SECONDS", 0.2)
    rig.route(rig.answering(OK))
    with rig.client() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_all(sock).endswith(b"ok")


# ---------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n3\r\n...\r\n0\r\n\r\n", b"2\r\nok\r\n3\r\n...\r\n0\r\n\r\n"),
        (b"HTTP/1.1 200 Fine By Me\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    ],
)  # fmt: skip
def test_bodies_of_answers(rig: Rig, answer: bytes, expected: bytes) -> None:
    rig.route(rig.answering(answer))
    assert body(rig.get()) == expected


def test_the_head_of_an_answer(rig: Rig) -> None:
    rig.route(
        rig.answering(
            b"HTTP/1.1 201 Made Here\r\nX-One: 1\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nKeep-Alive: timeout=5\r\n"
            b"Connection: keep-alive, X-Gone\r\nX-Gone: yes\r\nContent-Length: 0\r\n\r\n"
        )
    )
    lines = head(rig.get()).split("\r\n")
    assert lines == [
        "HTTP/1.1 201 Made Here",
        "X-One: 1",
        "Set-Cookie: a=b",
        "Set-Cookie: c=d",
        "Content-Length: 0",
        "Connection: close",
    ]


def test_head_requests(rig: Rig) -> None:
    rig.route(rig.answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"))
    with rig.client() as sock:
        for _ in range(3):
            sock.sendall(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"Content-Length: 1000\r\n" in read_until(sock, b"\r\n\r\n")
    assert rig.connections == 1


def test_an_answer_that_ends_with_its_connection(rig: Rig) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nall of it")
        await writer.drain()

    rig.route(rig.serve(handle))
    with rig.client() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_until(sock, b"0\r\n\r\n").endswith(b"\r\n\r\n9\r\nall of it\r\n0\r\n\r\n")


def test_answers_come_piece_by_piece(rig: Rig) -> None:
    go_on = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n"
        )
        await writer.drain()
        await go_on.wait()
        writer.write(b"4\r\ntwo\n\r\n0\r\n\r\n")
        await writer.drain()

    rig.route(rig.serve(handle))
    with rig.client() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        read_until(sock, b"one\n")
        rig.loop.call_soon_threadsafe(go_on.set)
        read_until(sock, b"two\n\r\n0\r\n\r\n")


def test_a_slow_client_holds_the_endpoint_back(rig: Rig) -> None:
    sent = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n")
        for _ in range(1024):
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536

    rig.route(rig.serve(handle))
    with rig.client() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        threading.Event().wait(0.5)
        assert sent < 40_000_000
        assert len(body(read_all(sock))) == 67108864


# ---------------------------------------------------------------------- failures


def test_an_endpoint_that_is_not_there_is_passed_over(rig: Rig) -> None:
    rig.route(rig.dead(), rig.saying("ok"), rig.dead())
    assert [status(rig.get()) for _ in range(10)] == [200] * 10
    raw = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
    assert [status(rig.exchange(raw)) for _ in range(4)] == [200] * 4
    assert rig.requests[-1].body == b"hello"


def test_an_endpoint_that_fails_is_left_alone_for_a_while(rig: Rig) -> None:
    tried = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tried
        await reader.readuntil(b"\r\n\r\n")
        tried += 1  # and closes

    rig.route(rig.serve(handle), rig.saying("ok"))
    assert [status(rig.get()) for _ in range(10)] == [200] * 10
    assert tried == 1


def test_what_must_not_be_done_twice_is_not_tried_again(rig: Rig) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"hello")

    rig.route(rig.serve(handle), rig.serve(handle))
    raw = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
    answer = rig.exchange(raw)
    assert (status(answer), rig.connections) == (502, 1)
    assert b"<center><h1>502 Bad Gateway</h1></center>" in answer


def test_a_connection_that_was_kept_too_long_is_no_failure(rig: Rig) -> None:
    """The endpoint closes each connection after one answer without having said so."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()

    rig.route(rig.serve(handle))
    with rig.client() as sock:
        for _ in range(5):
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in read_until(sock, b"ok")


@pytest.mark.parametrize(
    ("answer", "expected"), [(b"SSH-2.0-OpenSSH_9.2\r\n", 502), (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", 502)]
)
def test_endpoints_that_do_not_speak_http(rig: Rig, answer: bytes, expected: int) -> None:
    rig.route(rig.answering(answer))
    assert status(rig.get()) == expected


def test_nobody_there(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "PAUSE", 0.01)
    rig.route(rig.dead())
    assert status(rig.get()) == 502
    rig.swap(Table())
    answer = rig.get()
    assert status(answer) == 404
    assert body(answer).count(b"\r\n") == 7 and b"<hr><center>minikctl ingress</center>" in answer


def test_an_endpoint_that_appears_while_a_request_waits(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "PAUSE", 0.5)
    rig.route(rig.dead())
    with rig.client() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        threading.Event().wait(0.1)
        rig.route(rig.saying("late"))
        assert body(read_all(sock)) == b"late"


def test_timeouts(rig: Rig) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    rig.route(rig.serve(silent), settings=Settings(read_timeout=0.3))
    assert status(rig.get()) == 504


def test_an_answer_that_breaks_off_breaks_off_for_the_client_too(rig: Rig) -> None:
    rig.route(rig.serve(_half))
    with rig.client() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            assert not read_all(sock).endswith(b"0\r\n\r\n")
            raise ConnectionResetError


async def _half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
    await writer.drain()


def test_a_client_that_leaves_is_noted(rig: Rig) -> None:
    asked = threading.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()

    rig.route(rig.serve(handle))
    with rig.client() as sock:
        sock.sendall(b"GET /gone HTTP/1.1\r\nHost: x\r\n\r\n")
        assert asked.wait(10)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    deadline = 200
    while '"GET /gone HTTP/1.1" 499' not in rig.log_text() and deadline:
        threading.Event().wait(0.02)
        deadline -= 1
    assert deadline


# ---------------------------------------------------------------------- balancing


def test_endpoints_take_turns(rig: Rig) -> None:
    rig.route(*(rig.saying(f"{n}") for n in range(3)))
    assert sorted(body(rig.get()) for _ in range(9)) == [b"0"] * 3 + [b"1"] * 3 + [b"2"] * 3


def test_sticky_cookie(rig: Rig) -> None:
    sticky = Sticky("MY_SESSION", "/shop", max_age=60)
    endpoints = [rig.saying(f"{n}") for n in range(4)]
    rig.route(*endpoints, sticky=sticky)
    first = rig.get()
    line = next(n for n in head(first).split("\r\n") if n.startswith("Set-Cookie"))
    assert line.startswith("Set-Cookie: MY_SESSION=") and line.endswith("; Max-Age=60; Path=/shop; HttpOnly")
    cookie = line.partition(": ")[2].partition(";")[0]
    again = [rig.get("/", f"Cookie: a=b; {cookie}") for _ in range(5)]
    assert {body(a) for a in again} == {body(first)}
    assert all("Set-Cookie" not in head(a) for a in again)
    rig.route(*(e for n, e in enumerate(endpoints) if b"%d" % n != body(first)), sticky=sticky)
    moved = rig.get("/", f"Cookie: {cookie}")
    assert body(moved) != body(first) and "Set-Cookie: MY_SESSION=" in head(moved)


def test_canary_by_header(rig: Rig) -> None:
    other = Backend("default/next:80", (rig.saying("next"),))
    rig.route(rig.saying("main"), canary=Canary(other, header="x-canary"))
    assert (body(rig.get()), body(rig.get("/", "X-Canary: always"))) == (b"main", b"next")


def test_a_new_table_does_not_touch_requests_on_their_way(rig: Rig) -> None:
    go_on, asked = asyncio.Event(), threading.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await go_on.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold")
        await writer.drain()

    rig.route(rig.serve(handle))
    with rig.client() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert asked.wait(10)
        rig.route(rig.saying("new"))
        assert body(rig.get()) == b"new"
        rig.loop.call_soon_threadsafe(go_on.set)
        read_until(sock, b"old")
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        read_until(sock, b"new")


def test_connections_to_endpoints_that_are_gone_are_closed(rig: Rig) -> None:
    ended = threading.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        await reader.read()
        ended.set()

    rig.route(rig.serve(handle))
    rig.get()
    assert not ended.is_set()
    rig.route(Endpoint("127.0.0.1", 1))
    assert ended.wait(10)


# ---------------------------------------------------------------------- other protocols


def test_websockets(rig: Rig) -> None:
    from websockets.sync.client import connect
    from websockets.sync.server import ServerConnection, serve

    def echo(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(f"{connection.request.path if connection.request else ''} {message!s}")

    with serve(echo, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        rig.route(Endpoint("127.0.0.1", server.socket.getsockname()[1]))
        with connect(f"ws://127.0.0.1:{rig.port}/chat") as sock:
            for text in ("one", "two", "x" * 100_000):
                sock.send(text)
                assert sock.recv(10) == f"/chat {text}"
        server.shutdown()
    assert '"GET /chat HTTP/1.1" 101' in rig.log_text()


def test_what_comes_right_behind_an_upgrade_is_passed_on(rig: Rig) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        assert b"Connection: upgrade\r\nUpgrade: own\r\n" in asked
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: own\r\n\r\nhi ")
        writer.write(await reader.readexactly(5))
        await writer.drain()

    rig.route(rig.serve(handle))
    raw = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: own\r\n\r\nearly"
    answer = rig.exchange(raw)
    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols") and body(answer) == b"hi early"


@pytest.mark.parametrize("protocol", ["own", "h2c"])
def test_an_upgrade_that_the_endpoint_does_not_want(rig: Rig, protocol: str) -> None:
    rig.route(rig.answering(OK))
    raw = f"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {protocol}\r\n\r\n"
    with rig.client() as sock:
        sock.sendall(raw.encode())
        assert b"HTTP/1.1 200 OK" in read_until(sock, b"ok")
    assert rig.requests[0].get("Upgrade") == (None if protocol == "h2c" else protocol)


def test_access_log(rig: Rig) -> None:
    rig.route(rig.saying("hello"))
    rig.get("/a?b=c", 'User-Agent: test/1 "quoted"', "Referer: http://there/")
    line = rig.log_text()
    assert line.startswith("127.0.0.1 - - [")
    assert '] "GET /a?b=c HTTP/1.1" 200 5 "http://there/" "test/1 \\x22quoted\\x22" 0 0.0' in line
    assert "[default/web:80] 127.0.0.1:" in line


def test_stopping_lets_requests_end(rig: Rig) -> None:
    asked, go_on = threading.Event(), asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await go_on.wait()
        writer.write(OK)
        await writer.drain()

    rig.route(rig.serve(handle))
    with rig.client() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert asked.wait(10)
        stopping = asyncio.run_coroutine_threadsafe(rig.engine.stop(5), rig.loop)
        rig.loop.call_soon_threadsafe(go_on.set)
        answer = read_all(sock)
        assert answer.endswith(b"ok") and "Connection: close" in head(answer)
    stopping.result(10)
    with pytest.raises(OSError, match=r"refused|timed out"):
        socket.create_connection(("127.0.0.1", rig.port), 1)


def test_the_rig_reads_requests() -> None:
    assert Request(b"GET / HTTP/1.1\r\nA: b\r\n\r\n", b"").get("a") == "b"


# ---------------------------------------------------------------------- filters


def test_changes_of_headers(rig: Rig) -> None:
    request = HeaderChange(set=(("X-Set", "new"), ("Host-Like", "y")), add=(("X-Add", "two"),), remove=("X-Gone",))
    response = HeaderChange(set=(("Server", "own"),), add=(("X-More", "b"),), remove=("X-Secret",))
    route_through(rig, rig.answering(b"HTTP/1.1 200 OK\r\nServer: inner\r\nX-Secret: s\r\nX-More: a\r\nContent-Length: 0\r\n\r\n"), Filters(request, response))  # fmt: skip
    lines = head(rig.get("/", "X-Set: old", "X-Add: one", "X-Gone: x")).split("\r\n")
    sent = rig.requests[0]
    assert (sent.get("X-Set"), sent.get("X-Add"), sent.get("X-Gone")) == ("new", "one, two", None)
    assert lines[1:] == ["X-More: a", "Content-Length: 0", "Server: own", "X-More: b", "Connection: close"]


@pytest.mark.parametrize(
    "framing", ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
)
def test_mirrors_get_a_copy_and_nobody_waits_for_them(rig: Rig, framing: str) -> None:
    copied: list[Request] = []
    came = threading.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        assert request is not None
        copied.append(request)
        came.set()
        await reader.read()

    mirror = Mirror(Backend("default/mirror:80", (rig.serve(handle),)))
    broken = Mirror(Backend("default/gone:80", (rig.dead(),)))
    route_through(rig, rig.saying("real"), Filters(mirrors=(mirror, broken)))
    raw = f"POST /p HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n{framing}"
    assert body(rig.exchange(raw.encode())) == b"real"
    assert came.wait(10)
    assert (copied[0].method, copied[0].target, copied[0].body, copied[0].get("Host")) == (
        "POST",
        "/p",
        b"hello",
        "shop",
    )


def test_the_time_for_a_whole_request(rig: Rig) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    route_through(rig, rig.serve(silent), Filters(), request_timeout=0.1)
    assert status(rig.get()) == 504


def route_through(rig: Rig, endpoint: Endpoint, filters: Filters, **more: float) -> None:
    backend = Backend("default/web:80", (endpoint,))
    one = Route("HTTPRoute default/r", "/", PREFIX, (Weighted(backend),), filters=filters, backend_timeout=60, **more)
    rig.swap(Table(listeners={80: (Listener("Gateway default/gw", "", False, (("", one),)),)}))


# ---------------------------------------------------------------------- anything


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes(rig: Rig, pieces: list[bytes]) -> None:
    if not rig.engine.backends:
        rig.route(rig.saying("ok"))
    with rig.client() as sock:
        try:
            for piece in pieces:
                sock.sendall(piece)
            sock.shutdown(socket.SHUT_WR)
            answer = read_all(sock)
        except OSError:
            answer = b""
    assert not answer or answer.startswith(b"HTTP/1.1 ")
    assert rig.engine.clients <= 60


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_random_annotations(value: str) -> None:
    found, _ = parse({f"{PREFIX_OF_ALL}{name}": value for name in PARSERS})
    assert found.canary_weight <= found.canary_total
