"""Names: how many questions a second the cluster's DNS answers, and how soon, through the Service's address."""

from __future__ import annotations

import json
import multiprocessing
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.measure import Cluster, Figure, cluster

ADDRESS = ("10.96.0.10", 53)
QUESTIONS, CLIENTS = 15_000, 2


def names() -> Iterator[Figure]:
    from minikctl.runtime.network.client import ClusterNetwork

    with cluster() as made:
        network = ClusterNetwork.open(made.root)
        if network is None:
            yield Figure("DNS questions a second", "no cluster network on this machine")
            return
        proxy = _proxy(made)
        before = _cpu(proxy)
        _wait(network.socket)
        context = multiprocessing.get_context("fork")
        results: multiprocessing.Queue[list[float]] = context.Queue()
        clients = [network.socket(kind=socket.SOCK_DGRAM) for _ in range(CLIENTS)]
        start = time.perf_counter()
        for sock in clients:
            context.Process(target=_ask, args=(sock, results), daemon=True).start()
        taken = [t for _ in clients for t in results.get(timeout=120)]
        rate = CLIENTS * QUESTIONS / (time.perf_counter() - start)
        yield Figure("DNS questions a second", f"{rate:,.0f}", "≥ 5,000", "", rate >= 5000)
        p99 = statistics.quantiles(taken, n=100)[98]
        yield Figure("… 99 of 100 are answered in", f"{p99 * 1000:.2f} ms")
        yield Figure("… CPU of the server for one", f"{(_cpu(proxy) - before) / CLIENTS / QUESTIONS * 1e6:.0f} µs")


def _question(name: str = "kubernetes.default.svc.cluster.local") -> bytes:
    from dnslib import DNSRecord

    return bytes(DNSRecord.question(name).pack())


def _wait(new_socket: Callable[..., socket.socket]) -> None:
    """Until the Service leads to the server."""
    for _ in range(300):
        with new_socket(kind=socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.1)
            try:
                sock.connect(ADDRESS)
                sock.send(_question())
                sock.recv(4096)
                return
            except OSError:
                time.sleep(0.05)
    raise RuntimeError("the DNS does not answer")


def _ask(sock: socket.socket, results: multiprocessing.Queue[list[float]]) -> None:
    sock.settimeout(5)
    sock.connect(ADDRESS)
    packet, taken = _question(), []
    for _ in range(QUESTIONS):
        began = time.perf_counter()
        sock.send(packet)
        sock.recv(4096)
        taken.append(time.perf_counter() - began)
    results.put(taken)


def _proxy(made: Cluster) -> int:
    components = json.loads(made.run("cluster", "status", "-o", "json"))["components"]
    return next(int(c["pid"]) for c in components if c["name"] == "proxy")


def _cpu(pid: int) -> float:
    """Seconds that a process has used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / 100


ALL: tuple[Callable[[], Iterator[Figure]], ...] = (names,)
