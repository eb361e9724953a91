"""Services: what their addresses cost beside the direct connection, and how fast their rules follow."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import select
import shutil
import signal
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.measure import Cluster, Figure, cluster, seconds

SECONDS, ROUNDS, CONNECTIONS = 1, 7, 16
BYTES = 1 << 30
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 612\r\nContent-Type: text/html\r\n\r\n" + b"x" * 612
SERVICES, ENDPOINTS, CHANGES = 300, 1000, 21
SOURCE, FIRST, SECOND, WEB = 9000, 9001, 9002, 8080
"""Ports of this program's own listeners in the server's pod."""


def services() -> Iterator[Figure]:
    """The table's rows; one that says why where it cannot be measured."""
    for program in ("wrk", "nsenter"):
        if shutil.which(program) is None:
            yield Figure("Services", f"not measured: {program} is not installed")
            return
    for backend in ("nftables", "userspace"):
        os.environ["MINIKCTL_PROXY"] = backend
        try:
            with cluster() as made:
                yield from _measured(made, backend)
        finally:
            del os.environ["MINIKCTL_PROXY"]


def _measured(made: Cluster, backend: str) -> Iterator[Figure]:
    from minikctl.runtime.network.client import ClusterNetwork

    network = ClusterNetwork.open(made.root)
    if network is None:
        yield Figure("Services", "not measured: there is no cluster network here")
        return
    if f"serving Services by {backend}" not in _log_until(made, "serving Services by"):
        yield Figure(f"Services, {backend}", "not measured: this backend does not work here")
        return
    bench = _Bench(made, network, backend)
    yield from bench.requests()
    yield from bench.transfers()
    if backend == "nftables":
        yield from bench.loading()
    else:
        bench.many()
    yield from bench.changes()


class _Bench:
    """A server's pod and a client's pod, and the Services between them."""

    def __init__(self, made: Cluster, network: Any, backend: str):
        from minikctl.client.local import LocalClient

        self.made, self.network, self.backend = made, network, backend
        self.client = LocalClient.on_files(made.root, actor="bench")
        for name in ("server", "client"):
            made.run("run", name, "--image=busybox", "--restart=Never", "--command", "--", "sleep", "1000000")
        made.run("wait", "pod/server", "pod/client", "--for=condition=Ready", "--timeout=60s")
        self.server = self._ip("server")
        self.pids = {self._ip_of(i): (i, p) for i, p in network.pods().items()}
        self._serve(WEB, _answer_http)
        self.web, self.node_port = self._own_service("web", WEB, type="NodePort")
        self.at_client = self._entering(self._ip("client"))
        _until(lambda: self._connects(("127.0.0.1", self.node_port)))

    def _ip(self, pod: str) -> str:
        return self.made.run("get", "pod", pod, "-o", "jsonpath={.status.podIP}")

    def _ip_of(self, sandbox: str) -> str:
        for pod in self.client.list("pods", "default")["items"]:
            ip = pod["status"].get("podIP", "")
            with contextlib.suppress(OSError), self.network.pod_socket(sandbox) as sock:
                sock.bind((ip, 0))
                return str(ip)
        return ""

    def _entering(self, ip: str) -> list[str]:
        users = [] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]
        return ["nsenter", "-t", str(self.pids[ip][1]), *users, "-n"]

    def _connects(self, address: tuple[str, int]) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(address, 1).close()
            return True
        return False

    # ------------------------------------------------------------------ requests

    def requests(self) -> Iterator[Figure]:
        """Each way in turn, several times: the noise of the machine is in all of them."""
        ways = {
            "pod → pod": [*self.at_client, "wrk"],
            "pod → ClusterIP": [*self.at_client, "wrk"],
            "host → NodePort": ["wrk"],
        }
        urls = {
            "pod → pod": f"http://{self.server}:{WEB}/",
            "pod → ClusterIP": f"http://{self.web}/",
            "host → NodePort": f"http://127.0.0.1:{self.node_port}/",
        }
        found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, command in ways.items():
                found[way].append(_wrk(command, urls[way]))
        rate = {way: statistics.median(r for r, _ in each) for way, each in found.items()}
        for way, each in found.items():
            late = statistics.median(p for _, p in each)
            text = f"{rate[way]:.0f}/s, p99 {late:.1f} ms"
            goal, reached = "", None
            if way == "pod → ClusterIP":
                share = statistics.median(r / d for (r, _), (d, _) in zip(each, found["pod → pod"], strict=True))
                text += f", {share:.2f} of direct"
                if self.backend == "nftables":
                    goal, reached = "≥ 0.8 of direct", share >= 0.8
            elif way == "host → NodePort":
                goal, reached = "≥ 8000/s", rate[way] >= 8000
            yield Figure(f"{way}, {self.backend}: requests", text, goal, "", reached)

    # ------------------------------------------------------------------ bytes

    def transfers(self) -> Iterator[Figure]:
        self._serve(SOURCE, _one_by_one(_pour))
        ip, node_port = self._own_service("source", SOURCE, type="NodePort")
        _until(lambda: self._connects(("127.0.0.1", node_port)))
        for way, connect in (
            ("pod → pod", lambda: self._from_client(self.server, SOURCE)),
            ("pod → ClusterIP", lambda: self._from_client(ip, 80)),
            ("host → NodePort", lambda: socket.create_connection(("127.0.0.1", node_port))),
        ):
            rate = statistics.median(_transfer(connect) for _ in range(3))
            yield Figure(f"{way}, {self.backend}: bytes", f"{rate / 1e6:.0f} MB/s")

    def _from_client(self, ip: str, port: int) -> socket.socket:
        sock: socket.socket = self.network.pod_socket(self.pids[self._client_ip][0])
        sock.connect((ip, port))
        return sock

    @property
    def _client_ip(self) -> str:
        return next(ip for ip in self.pids if ip not in ("", self.server))

    def _serve(self, port: int, answer: Callable[[socket.socket], None]) -> None:
        """A listener of ours in the server's pod; a process has it."""
        sock = self.network.pod_socket(self.pids[self.server][0])
        sock.bind((self.server, port))
        sock.listen(64)
        multiprocessing.get_context("fork").Process(target=answer, args=(sock,), daemon=True).start()
        sock.close()

    def _own_service(self, name: str, port: int, **spec: Any) -> tuple[str, int]:
        service = {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}
        made = self.client.create("services", service, "default")["spec"]
        self.client.create("endpointslices.discovery.k8s.io", _slice(name, [self.server], port), "default")
        return made["clusterIP"], made["ports"][0].get("nodePort", 0)

    # ------------------------------------------------------------------ changes

    def changes(self) -> Iterator[Figure]:
        """From before an EndpointSlice is written to the first connection that arrives at the new endpoint."""
        self._serve(FIRST, _one_by_one(lambda c: c.sendall(b"1")))
        self._serve(SECOND, _one_by_one(lambda c: c.sendall(b"2")))
        ip, _ = self._own_service("flipping", FIRST)
        _until(lambda: self._asked(ip) == b"1")
        taken = []
        for i in range(CHANGES):
            port, mark = ((SECOND, b"2"), (FIRST, b"1"))[i % 2]
            begin = time.perf_counter()
            change = {"ports": [{"name": "", "port": port, "protocol": "TCP"}]}
            self.client.patch("endpointslices.discovery.k8s.io", "flipping-1", change, "default")
            _until(lambda mark=mark: self._asked(ip) == mark, 0.0)  # type: ignore[misc]
            taken.append(time.perf_counter() - begin)
        median = statistics.median(taken)
        name = f"a changed endpoint in the data path beside them, {self.backend}, median"
        yield Figure(name, f"{median * 1000:.0f} ms", "≤ 50 ms", "", median <= 0.05)

    def _asked(self, ip: str) -> bytes:
        with contextlib.suppress(OSError), self.network.socket() as sock:
            sock.settimeout(2)
            sock.connect((ip, 80))
            return bytes(sock.recv(1))
        return b""

    # ------------------------------------------------------------------ many

    def many(self) -> None:
        """As many Services and endpoints as the goals speak of."""
        for i in range(SERVICES):
            each = range(i * ENDPOINTS // SERVICES, (i + 1) * ENDPOINTS // SERVICES)
            ips = [f"10.244.{200 + n // 250}.{2 + n % 250}" for n in each]
            service = {"metadata": {"name": f"many-{i}"}, "spec": {"ports": [{"port": 80}]}}
            self.client.create("services", service, "default")
            self.client.create("endpointslices.discovery.k8s.io", _slice(f"many-{i}", ips, 8080), "default")

    def loading(self) -> Iterator[Figure]:
        self.many()
        log = self.made.root / "run" / "proxy.log"
        before = log.stat().st_size
        pid = int((self.made.root / "run" / "proxy.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        begin = time.perf_counter()
        found = _log_until(self.made, r"loaded the rules of (\d{3,}) ports with (\d+) endpoints in ([\d.]+) s", before)
        again = time.perf_counter() - begin
        match = re.search(r"loaded the rules of (\d{3,}) ports with (\d+) endpoints in ([\d.]+) s", found)
        assert match
        taken = float(match[3])
        name = f"rules of {match[1]} Services' ports with {match[2]} endpoints loaded"
        yield Figure(name, seconds(taken), "≤ 1 s", "", taken <= 1.0)
        yield Figure("… by a new proxy, after a kill -9 of the old one", seconds(again))


def _slice(name: str, ips: list[str], port: int) -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": name}
    endpoints = [{"addresses": [ip], "conditions": {"ready": True}} for ip in ips]
    ports = [{"name": "", "port": port, "protocol": "TCP"}]
    meta = {"name": f"{name}-1", "labels": labels}
    return {"metadata": meta, "addressType": "IPv4", "ports": ports, "endpoints": endpoints}


def _one_by_one(answer: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    def run(listener: socket.socket) -> None:
        while True:
            client, _ = listener.accept()
            with contextlib.suppress(OSError), client:
                answer(client)

    return run


def _answer_http(listener: socket.socket) -> None:
    """The same answer to whatever comes, as fast as one thread can."""
    poll, clients = select.epoll(), {listener.fileno(): listener}
    poll.register(listener, select.EPOLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd == listener.fileno():
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                clients[client.fileno()] = client
                poll.register(client, select.EPOLLIN)
                continue
            try:
                data = clients[fd].recv(65536)
                clients[fd].sendall(ANSWER * data.count(b"\r\n\r\n"))
            except OSError:
                data = b""
            if not data:
                clients.pop(fd).close()


def _pour(client: socket.socket) -> None:
    piece, left = bytes(1 << 18), BYTES
    while left > 0:
        client.sendall(piece)
        left -= len(piece)


def _transfer(connect: Callable[[], socket.socket]) -> float:
    """Bytes a second."""
    buffer, total = bytearray(1 << 18), 0
    with connect() as sock:
        begin = time.perf_counter()
        while count := sock.recv_into(buffer):
            total += count
        return total / (time.perf_counter() - begin)


def _wrk(command: list[str], url: str) -> tuple[float, float]:
    """(requests a second, p99 in milliseconds), keep-alive. Raises RuntimeError when some failed."""
    words = [*command, "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}", "--latency", url]
    out = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out:
        raise RuntimeError(out)
    rate, late = re.search(r"Requests/sec:\s+([\d.]+)", out), re.search(r"99%\s+([\d.]+)(us|ms|s)", out)
    assert rate and late
    return float(rate[1]), float(late[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[late[2]]


def _log_until(made: Cluster, pattern: str, start: int = 0) -> str:
    """The proxy's log from a place on, when the pattern has appeared in it. Raises RuntimeError."""
    log = Path(made.root) / "run" / "proxy.log"

    def read() -> str:
        with contextlib.suppress(OSError):
            return log.read_bytes()[start:].decode()
        return ""

    _until(lambda: re.search(pattern, read()) is not None)
    return read()


def _until(condition: Callable[[], bool], step: float = 0.01) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("it did not happen within 30 s")
        threading.Event().wait(step)


ALL: tuple[Callable[[], Iterator[Figure]], ...] = (services,)
