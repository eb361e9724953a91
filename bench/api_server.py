"""The HTTPS API of a running cluster: lists, creates from several clients, one change to many watchers, memory.

The clients are Python's own `http.client` in processes of their own, on the same cores as the server.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import selectors
import shutil
import socket
import ssl
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import Cluster, Figure, cluster, limit, seconds

PODS = "/api/v1/namespaces/default/pods"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
CLIENTS, CREATES, WATCHERS, CHANGES = 8, 1000, 100, 100
LEAVE_ALONE = "nobody"
"""A scheduler that does not exist: what is measured is the API server, not what controllers do with the pods."""


@dataclass(frozen=True)
class Door:
    """Where the API is, and the administrator's certificate in a file."""

    port: int
    ca: str
    pem: str

    def context(self) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=self.ca)
        made.load_cert_chain(self.pem)
        return made

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context(), timeout=60)


def door(made: Cluster) -> Door:
    from minikctl.apiserver.auth import pki

    settings = json.loads((made.root / "cluster.json").read_bytes())
    pair = pki.client_pair(made.root, pki.ADMIN, (pki.MASTERS,))
    pem = made.root.parent / "admin.pem"
    pem.write_bytes(pair.certificate + pair.key)
    return Door(settings["port"], str(made.root / "pki" / "ca.crt"), str(pem))


def call(connection: http.client.HTTPSConnection, method: str, path: str, body: Any = None) -> bytes:
    """The answer's body. Raises RuntimeError for a refusal."""
    data = None if body is None else json.dumps(body)
    connection.request(method, path, data, {"Content-Type": "application/json", "Accept": "application/json"})
    answer = connection.getresponse()
    read = answer.read()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {read[:200]!r}")
    return read


def pod(name: str) -> dict[str, Any]:
    spec = {"containers": [{"name": "c", "image": "nginx"}], "schedulerName": LEAVE_ALONE}
    return {"metadata": {"name": name}, "spec": spec}


# ---------------------------------------------------------------------- the figures


def http_api() -> Iterator[Figure]:
    with cluster("--simulated") as made:
        way = door(made)
        rate = creates(way)
        name = f"HTTP: {CREATES} pods created by {CLIENTS} clients, per second"
        yield Figure(name, f"{rate:.0f}", "≥ 300", "", rate >= 300)
        yield from lists(made, way)
        yield from fan_out(way)
        pid = next(
            c["pid"]
            for c in json.loads(made.run("cluster", "status", "-o", "json"))["components"]
            if c["name"] == "apiserver"
        )
        status = Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1]
        yield Figure("HTTP: memory of the server after all that", f"{int(status.split()[0]) / 1024:.0f} MB")


def creates(way: Door) -> float:
    """Creates per second."""
    barrier = multiprocessing.Barrier(CLIENTS + 1)
    workers = [multiprocessing.Process(target=_create, args=(way, n, barrier)) for n in range(CLIENTS)]
    for worker in workers:
        worker.start()
    barrier.wait(60)
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    taken = time.perf_counter() - start
    if any(w.exitcode for w in workers):
        raise RuntimeError("a client failed")
    return CREATES // CLIENTS * CLIENTS / taken


def _create(way: Door, number: int, barrier: Any) -> None:
    connection = way.connect()
    call(connection, "GET", "/version")
    barrier.wait(60)
    for i in range(CREATES // CLIENTS):
        call(connection, "POST", PODS, pod(f"pod-{number}-{i:04d}"))


def lists(made: Cluster, way: Door) -> Iterator[Figure]:
    connection = way.connect()

    def median(action: Callable[[], object], times: int = 7) -> float:
        taken = []
        for _ in range(times):
            start = time.perf_counter()
            action()
            taken.append(time.perf_counter() - start)
        return statistics.median(taken)

    yield Figure(
        f"HTTP: list of {CREATES} pods, kept connection", seconds(median(lambda: call(connection, "GET", PODS)))
    )
    for title, command in _programs(made, way):
        if command:
            taken = median(lambda c=command: subprocess.run(c, check=True, capture_output=True))  # type: ignore[misc]
            yield Figure(f"HTTP: {title}", seconds(taken))
    yield limit(
        f"the same by minikctl get pods, from the files ({CREATES} pods)", median(lambda: made.run("get", "pods")), 1.0
    )


def _programs(made: Cluster, way: Door) -> Iterator[tuple[str, list[str]]]:
    """What others take for the same, and for nothing at all: their own start-up is in it."""
    kubectl = shutil.which("kubectl")
    cached = Path.home() / ".cache" / "reference-clients" / "kubectl"
    if kubectl is None and cached.exists():
        kubectl = str(cached)
    if kubectl:
        yield f"kubectl get pods, {CREATES} pods", [kubectl, "--kubeconfig", f"{made.root}/kubeconfig", "get", "pods"]
        yield "kubectl version --client", [kubectl, "version", "--client"]
    curl = shutil.which("curl")
    if curl:
        own = [curl, "-sf", "--cacert", way.ca, "--cert", way.pem, f"https://127.0.0.1:{way.port}"]
        yield f"curl of {CREATES} pods", [*own[:-1], own[-1] + PODS]
        yield "curl --version", [curl, "--version"]


def fan_out(way: Door) -> Iterator[Figure]:
    """From before a change is sent to the arrival of its event at each watcher."""
    queue: multiprocessing.Queue[list[float]] = multiprocessing.Queue()
    ready = multiprocessing.Event()
    watching = multiprocessing.Process(target=_watch, args=(way, queue, ready), daemon=True)
    watching.start()
    if not ready.wait(60):
        raise RuntimeError("the watchers did not come up")
    connection = way.connect()
    for i in range(CHANGES):
        call(connection, "POST", CONFIG_MAPS, {"metadata": {"name": f"c{i}"}, "data": {"at": repr(time.time())}})
        time.sleep(0.05)
    taken = sorted(queue.get(timeout=60))
    watching.join(10)
    p50, p99 = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
    yield Figure(f"HTTP: a change to {WATCHERS} watchers, p50", f"{p50 * 1000:.1f} ms", "≤ 15 ms", "", p50 <= 0.015)
    yield Figure(f"HTTP: a change to {WATCHERS} watchers, p99", f"{p99 * 1000:.1f} ms")


def _watch(way: Door, queue: Any, ready: Any) -> None:
    """Open all watches, wait for all changes on all of them, report the times."""
    version = json.loads(call(way.connect(), "GET", CONFIG_MAPS))["metadata"]["resourceVersion"]
    chosen = selectors.DefaultSelector()
    context = way.context()
    for _ in range(WATCHERS):
        plain = socket.create_connection(("127.0.0.1", way.port), timeout=60)
        watch = context.wrap_socket(plain, server_hostname="127.0.0.1")
        path = f"{CONFIG_MAPS}?watch=true&resourceVersion={version}"
        watch.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += watch.recv(4096)
        watch.setblocking(False)
        chosen.register(watch, selectors.EVENT_READ, bytearray())
    ready.set()
    taken: list[float] = []
    deadline = time.monotonic() + 60
    while len(taken) < WATCHERS * CHANGES and time.monotonic() < deadline:
        for key, _ in chosen.select(1):
            _read(key.fileobj, key.data, taken)
    queue.put(taken)


def _read(watch: Any, rest: bytearray, taken: list[float]) -> None:
    with suppress(ssl.SSLWantReadError):
        while data := watch.recv(65536):
            rest += data
    now = time.time()
    while (end := rest.find(b"}\n")) >= 0:
        line = bytes(rest[: end + 1])
        del rest[: end + 2]
        start = line.find(b'"at":"')
        if start >= 0 and b'"ADDED"' in line:
            taken.append(now - float(line[start + 6 : line.find(b'"', start + 6)]))


ALL: tuple[Callable[[], Iterator[Figure]], ...] = (http_api,)
