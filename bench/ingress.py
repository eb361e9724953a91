"""Ingress: requests through it beside those that go to the pod directly, in turns."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

from bench.measure import Cluster, Figure, cluster
from bench.services import ROUNDS, _wrk

HOST = "shop.example.com"
GOAL = 2500
CHANGES = 11


def ingress() -> Iterator[Figure]:
    """Requests per second on kept connections and on new ones, latency, and how soon a change of endpoints counts."""
    if shutil.which("wrk") is None:
        yield Figure("Ingress", "not measured: wrk is not installed")
        return
    with cluster() as made:
        made.run("create", "deployment", "web", "--image=nginx", "--replicas=2")
        made.run("expose", "deployment", "web", "--port=80")
        made.run("create", "ingress", "web", f"--rule={HOST}/*=web:80")
        made.run("rollout", "status", "deployment/web", "--timeout=60s")
        url = _served(made)
        yield from _requests(made, url)
        yield _follows(made, url)


def _served(made: Cluster) -> str:
    """Where the Ingress is, once it answers."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            url = made.run("ingress", "web", "--url").split()[0]
            if _answers(url):
                return url
        except (RuntimeError, OSError):
            pass
        time.sleep(0.1)
    raise RuntimeError("the Ingress does not answer")


def _answers(url: str, path: str = "/") -> bool:
    request = urllib.request.Request(url + path, headers={"Host": HOST})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False


def _requests(made: Cluster, url: str) -> Iterator[Figure]:
    from minikctl.runtime.network.client import ClusterNetwork

    pods = json.loads(made.run("get", "pods", "-l", "app=web", "-o", "json"))["items"]
    ip = pods[0]["status"]["podIP"]
    network = ClusterNetwork.open(made.root)
    direct = ["wrk"]
    if network is not None and not ip.startswith("127."):
        users = [] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]
        direct = ["nsenter", "-t", str(network.pid), *users, "-n", "wrk"]
    through = ["wrk", "-H", f"Host: {HOST}"]
    ways: dict[str, Callable[[], tuple[float, float]]] = {
        "pod directly": lambda: _wrk(direct, f"http://{ip}/"),
        "host → Ingress": lambda: _wrk(through, f"{url}/"),
        "host → Ingress, new connections": lambda: _wrk([*through, "-H", "Connection: close"], f"{url}/"),
    }
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, take in ways.items():
            found[way].append(take())
    base = statistics.median(r for r, _ in found["pod directly"])
    for way, each in found.items():
        rate, late = statistics.median(r for r, _ in each), statistics.median(p for _, p in each)
        text = f"{rate:.0f}/s, p99 {late:.1f} ms"
        if way == "pod directly":
            yield Figure(f"{way}: requests", text)
        elif way == "host → Ingress":
            yield Figure(f"{way}: requests", f"{text}, {rate / base:.2f} of direct", f"≥ {GOAL}/s", "", rate >= GOAL)
        else:
            yield Figure(f"{way}: requests", text)


def _follows(made: Cluster, url: str) -> Figure:
    """From the moment when a change of the EndpointSlices is written to the first request that meets it."""
    from minikctl.client.local import LocalClient

    client = LocalClient.on_files(made.root, actor="bench")
    made.run("delete", "service", "web", "--wait=true")
    client.create("services", {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}, "default")
    pods = json.loads(made.run("get", "pods", "-l", "app=web", "-o", "json"))["items"]
    point = {"addresses": [pods[0]["status"]["podIP"]], "conditions": {"ready": True}}
    own = {
        "metadata": {"name": "own", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "ports": [{"name": "", "port": 80, "protocol": "TCP"}],
        "endpoints": [point],
    }
    client.create("endpointslices.discovery.k8s.io", own, "default")
    taken = []
    for turn in range(CHANGES):
        ready = turn % 2 == 1
        change = {"endpoints": [{**point, "conditions": {"ready": ready}}]}
        while _answers(url) == ready:
            time.sleep(0.005)
        client.patch("endpointslices.discovery.k8s.io", "own", change, "default")
        start = time.perf_counter()
        while _answers(url) != ready:
            time.sleep(0.0005)
        taken.append(time.perf_counter() - start)
    client.close()
    median = statistics.median(taken)
    return Figure(
        "Ingress: an endpoint's change reaches requests, median",
        f"{median * 1000:.0f} ms",
        "≤ 50 ms",
        "",
        median <= 0.05,
    )


ALL: tuple[Callable[[], Iterator[Figure]], ...] = (ingress,)
