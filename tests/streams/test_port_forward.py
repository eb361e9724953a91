"""port-forward through every door, with connections through it."""

from __future__ import annotations

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tests.streams.conftest import Cluster, Program
from tests.support.waiting import eventually


def through(port: int, data: bytes, host: str = "127.0.0.1", seconds: float = 15) -> bytes:
    with socket.create_connection((host, port), timeout=seconds) as connection:
        connection.sendall(data)
        with suppress(OSError):  # it has been reset in the meantime
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def through_at_last(port: int, data: bytes) -> bytes:
    """The first answer: a container that runs does not listen at once."""
    answer = b""
    deadline = time.monotonic() + 60
    while not answer and time.monotonic() < deadline:
        with suppress(ConnectionError):
            answer = through(port, data, seconds=60)
    return answer


def local(text: str, remote: int) -> int:
    found = re.search(rf"Forwarding from 127\.0\.0\.1:(\d+) -> {remote}\n", text)
    assert found, text
    return int(found[1])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as s:
        return int(s.getsockname()[1])


def test_several_ports_and_connections(program: Program) -> None:
    with program.running("port-forward", "pod/listens", ":first", ":8081") as forwarding:
        text = forwarding.until("-> 8081\n")
        first, second = local(text, 8080), local(text, 8081)
        assert through(first, b"hello") == b"got 5 hello"
        assert through(second, b"") == b"got 0 "
        big = bytes(range(256)) * 8192
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda port: through(port, big), [first, second] * 4))
        assert all(a == f"got {len(big)} ".encode() + big for a in answers)
        assert forwarding.until(f"Handling connection for {second}").count("Handling connection for") >= 3


def test_services_and_chosen_local_ports(program: Program) -> None:
    port = free_port()
    with program.running("port-forward", "service/listens", f"{port}:http", "--address", "127.0.0.1") as forwarding:
        assert forwarding.until("\n") == f"Forwarding from 127.0.0.1:{port} -> 8081\n"
        assert through(port, b"hello") == b"got 5 hello"


def test_it_goes_on_with_the_pod_that_comes_next(cluster: Cluster) -> None:
    spec = cluster.client.get("pods", "listens", "default")["spec"]
    wanted = {"containers": [{k: v for k, v in spec["containers"][0].items() if k != "volumeMounts"}]}

    def make() -> None:
        cluster.pod("replaced", wanted)
        cluster.running("replaced")
        cluster.said("replaced", "listening")

    make()
    with cluster.program("minikctl").running(
        "port-forward", "--reconnect", "replaced", ":first", ":8081"
    ) as forwarding:
        text = forwarding.until("-> 8081\n")
        first, second = local(text, 8080), local(text, 8081)
        assert through(first, b"hello") == b"got 5 hello"
        cluster.client.delete("pods", "replaced", "default")
        eventually(lambda: not cluster.client.list("pods", "default", field_selector="metadata.name=replaced")["items"])
        with ThreadPoolExecutor(1) as pool:
            early = pool.submit(through_at_last, first, b"early")
            make()
            assert early.result() == b"got 5 early"
        assert "Forwarding to pod replaced now\n" in forwarding.until("now\n")
        assert through(second, b"again") == b"got 5 again"
    cluster.client.delete("pods", "replaced", "default")


def test_a_port_where_nobody_listens(program: Program) -> None:
    with program.running("port-forward", "pod/listens", ":9999") as forwarding:
        port = local(forwarding.until("-> 9999\n"), 9999)
        with suppress(ConnectionError):  # what nobody has read
            assert through(port, b"hello") == b""
        assert forwarding.ended() == 1
        text = forwarding.err
        assert f"an error occurred forwarding {port} -> 9999: error forwarding port 9999 to pod listens" in text
        assert "failed to connect to localhost:9999 inside the pod: connection refused" in text
        assert text.endswith("error: lost connection to pod\n")


def test_a_local_port_that_is_taken(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = program.run("port-forward", "pod/listens", f"{port}:80", "--address=127.0.0.1")
    assert (done.code, done.out) == (1, "")
    reason = f"unable to create listener: Error listen tcp4 127.0.0.1:{port}: bind: address already in use"
    assert done.err == (
        f"Unable to listen on port {port}: Listeners failed to create with the following errors: [{reason}]\n"
        f"error: unable to listen on any of the requested ports: [{{{port} 80}}]\n"
    )


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("pod/missing", "80"), 'Error from server (NotFound): pods "missing" not found'),
        (("pod/web", "http"), "error: Pod 'web' does not have a named port 'http'"),
        (("svc/listens", "https"), "error: Service 'listens' does not have a named port 'https'"),
        (("svc/listens", "81"), "error: Service listens does not have a service port 81"),
        (("web", "x:80"), "error: error parsing local port 'x': strconv.ParseUint: parsing \"x\": invalid syntax"),
        (("web", "1:70000"), 'strconv.ParseUint: parsing "70000": value out of range'),
        (("web", "1:"), "error: Pod 'web' does not have a named port ''"),
        (("web", "1:0"), "error: remote port must be > 0"),
        (("web", "80", "--address=nonsense"), "error: nonsense is not a valid IP"),
        (("web",), "error: TYPE/NAME and list of ports are required for port-forward"),
    ],
)
def test_refused(program: Program, argv: tuple[str, ...], message: str) -> None:
    done = program.run("port-forward", *argv)
    assert done.code == 1 and message in done.err and done.out == ""


def test_a_pod_that_does_not_run(cluster: Cluster, program: Program) -> None:
    name = f"waits-{program.name}"
    cluster.pod(name, {"containers": [{"name": "app", "image": "busybox"}], "nodeSelector": {"no": "node"}})
    done = program.run("port-forward", name, "80")
    text = "error: unable to forward port because pod is not running. Current status=Pending\n"
    assert (done.code, done.err) == (1, text)
