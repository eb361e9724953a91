"""Services of a real cluster: real pods, both backends, as root and as an ordinary user."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.proxy.http_load import Connect, get, load
from tests.proxy.lab import missing_tools
from tests.support.forked_cluster import ForkedCluster, forked_cluster, import_for_others
from tests.support.ordinary_user import as_ordinary_user, open_folder
from tests.support.waiting import eventually

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.47"
SERVER = {
    "args": ["netexec", "--http-port=8080", "--udp-port=8081"],
    "ports": [{"name": "http", "containerPort": 8080}, {"name": "echo", "containerPort": 8081, "protocol": "UDP"}],
    "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1},
}
BOTH_USERS = pytest.mark.parametrize("user", ["root", "ordinary"])
BOTH_BACKENDS = pytest.mark.parametrize("backend", ["nftables", "userspace"])


def run_as(user: str, check: Callable[[Path], None]) -> None:
    """In a folder of that user's own."""
    if user == "root" and os.geteuid() != 0:
        pytest.skip("not root")
    with open_folder() as folder:
        if user == "root":
            check(folder)
            return
        import_for_others()
        try:
            as_ordinary_user(folder, partial(check, folder))
        except AssertionError as e:
            if str(e).startswith("Skipped: "):  # in the child
                pytest.skip(str(e).removeprefix("Skipped: "))
            raise


@contextlib.contextmanager
def served(cluster: ForkedCluster, pods: list[dict[str, Any]]) -> Iterator[None]:
    """Answer in each pod with its name, HTTP at 8080 and UDP at 8081: threads of the test, since an ordinary user may
    have no Python that a container could run."""
    open_sockets = [sock for pod in pods for sock in serve(cluster, pod)]
    yield
    for sock in open_sockets:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)  # wakes its thread
        sock.close()


def serve(cluster: ForkedCluster, pod: dict[str, Any]) -> tuple[socket.socket, socket.socket]:
    ip, name = pod["status"]["podIP"], pod["metadata"]["name"].encode()
    http, udp = cluster.socket(ip), cluster.socket(ip, socket.SOCK_DGRAM)
    http.bind((ip, 8080))
    http.listen(64)
    udp.bind((ip, 8081))

    def answer(client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            while client.recv(65536):
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(name), name))

    def serve_http() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = http.accept()
                threading.Thread(target=answer, args=(client,), daemon=True).start()

    def serve_udp() -> None:
        with contextlib.suppress(OSError):
            while True:
                _, address = udp.recvfrom(65536)
                if not address:
                    return
                udp.sendto(name, address)

    for sock, run in ((http, serve_http), (udp, serve_udp)):
        sock.settimeout(None)
        threading.Thread(target=run, daemon=True).start()
    return http, udp


def check_backend(cluster: ForkedCluster, backend: str) -> None:
    """Skips where there is no cluster network, or no nftables in it."""
    if cluster.network is None:
        pytest.skip("this machine does not let us make network namespaces")
    log = cluster.root / "run" / "proxy.log"
    eventually(lambda: log.exists() and "serving Services by" in log.read_text())
    if "nftables cannot be used" in log.read_text():
        pytest.skip("nftables does not work in network namespaces here")
    assert f"serving Services by {backend}" in log.read_text()


def host(address: str, port: int) -> Connect:
    return lambda: socket.create_connection((address, port), 30)


def inside(cluster: ForkedCluster, pod_ip: str, address: str, port: int) -> Connect:
    def connect() -> socket.socket:
        sock = cluster.socket(pod_ip)
        try:
            sock.connect((address, port))
        except BaseException:
            sock.close()
            raise
        return sock

    return connect


def answers(connect: Connect) -> str:
    """Who answers, "" while nobody does."""
    try:
        return get(connect)
    except (OSError, ValueError):
        return ""


def all_answers(connect: Connect, times: int = 30) -> set[str]:
    return {get(connect) for _ in range(times)}


@BOTH_USERS
@BOTH_BACKENDS
def test_services_of_real_pods(backend: str, user: str) -> None:
    if missing := missing_tools(backend):
        pytest.skip(missing)
    run_as(user, partial(_services, backend))


def _services(backend: str, folder: Path) -> None:
    with forked_cluster(folder / "state", {"MINIKCTL_PROXY": backend}, nodes=2) as cluster:
        check_backend(cluster, backend)
        cluster.deployment("web", "busybox", 3, {"command": ["sleep", "1000000"], "ports": SERVER["ports"]})
        ports = [
            {"name": "http", "port": 80, "targetPort": "http"},
            {"name": "echo", "port": 53, "targetPort": "echo", "protocol": "UDP"},
        ]
        web = cluster.service("web", "web", ports=ports, type="LoadBalancer", externalIPs=["198.51.100.7"])
        pods = cluster.wait_for_pods("web", 3)
        names, ips = {p["metadata"]["name"] for p in pods}, [p["status"]["podIP"] for p in pods]
        assert all(ip.startswith("10.244.") for ip in ips)
        with served(cluster, pods):
            node_port, ip = web["ports"][0]["nodePort"], web["clusterIP"]
            eventually(lambda: answers(inside(cluster, ips[0], ip, 80)) != "")
            eventually(lambda: all_answers(inside(cluster, ips[0], ip, 80)) == names)
            assert all_answers(inside(cluster, "", ip, 80)) == names
            assert all_answers(inside(cluster, ips[1], "198.51.100.7", 80)) == names
            eventually(lambda: answers(host("127.0.0.1", node_port)) != "")
            assert all_answers(host("127.0.0.1", node_port)) == names
            for node in cluster.client.list("nodes")["items"]:
                address = next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
                assert get(inside(cluster, ips[2], address, node_port)) in names
            _udp(cluster, ips[0], ip, web["ports"][1]["nodePort"], names)
            _balancer(cluster, names)
            _no_endpoints(cluster, ips[0])
            _outside(cluster, ips[0])
            _affinity(cluster, ips[0])


def _udp(cluster: ForkedCluster, pod_ip: str, ip: str, node_port: int, names: set[str]) -> None:
    def ask(sock: socket.socket, address: str, port: int) -> str:
        with sock:
            sock.settimeout(30)
            sock.connect((address, port))
            sock.send(b"hostname\n")
            return sock.recv(200).decode().strip()

    assert ask(cluster.socket(pod_ip, socket.SOCK_DGRAM), ip, 53) in names
    assert ask(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), "127.0.0.1", node_port) in names


def _balancer(cluster: ForkedCluster, names: set[str]) -> None:
    def ingress() -> list[dict[str, Any]]:
        status = cluster.client.get("services", "web", "default").get("status") or {}
        return (status.get("loadBalancer") or {}).get("ingress") or []

    eventually(lambda: bool(ingress()))
    address = ingress()[0]["ip"]
    first_free = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if os.geteuid() == 0 or first_free <= 80:
        eventually(lambda: answers(host(address, 80)) in names)
        return

    def told() -> bool:
        events = cluster.client.list("events", "default")["items"]
        return any(
            e["reason"] == "FailedToListen" and f"{address}:80/TCP: this user may not listen" in e["message"]
            for e in events
        )

    eventually(told)


def _no_endpoints(cluster: ForkedCluster, pod_ip: str) -> None:
    none = cluster.service("none", "nobody", type="NodePort")
    for connect in (
        inside(cluster, pod_ip, none["clusterIP"], 80),
        inside(cluster, "", none["clusterIP"], 80),
        host("127.0.0.1", none["ports"][0]["nodePort"]),
    ):
        with pytest.raises(ConnectionRefusedError):
            connect()


def _outside(cluster: ForkedCluster, pod_ip: str) -> None:
    """A Service without a selector, its endpoint made by hand: a program on the host."""
    address = _own_address()
    if address:
        with socket.create_server((address, 0)) as server:
            port = server.getsockname()[1]
            ip = cluster.service("db", ports=[{"port": 5432}])["clusterIP"]
            endpoints = [{"addresses": [address]}]
            ports = [{"name": "", "port": port, "protocol": "TCP"}]
            labels = {"kubernetes.io/service-name": "db"}
            cluster.create("endpointslices.discovery.k8s.io", "db-1", metadata={"labels": labels}, addressType="IPv4", ports=ports, endpoints=endpoints)  # fmt: skip

            def connects() -> bool:
                try:
                    inside(cluster, pod_ip, ip, 5432)().close()
                except OSError:
                    return False
                return True

            eventually(connects)


def _own_address() -> str:
    """An address of this machine that is not a loopback one; "" when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        address: str = sock.getsockname()[0]
        return "" if address.startswith("127.") else address


def _affinity(cluster: ForkedCluster, pod_ip: str) -> None:
    ip = cluster.service("sticky", "web", sessionAffinity="ClientIP")["clusterIP"]
    connect = inside(cluster, pod_ip, ip, 80)
    eventually(lambda: answers(connect) != "")
    assert len(all_answers(connect, 15)) == 1, "one client, one endpoint"


@BOTH_BACKENDS
def test_a_rolling_update_and_a_killed_proxy_under_load(backend: str, tmp_path: Path) -> None:
    if missing := missing_tools(backend):
        pytest.skip(missing)
    with forked_cluster(tmp_path / "state", {"MINIKCTL_PROXY": backend}) as cluster:
        check_backend(cluster, backend)
        stop = {"lifecycle": {"preStop": {"sleep": {"seconds": 2}}}}
        cluster.deployment("web", AGNHOST, 4, {**SERVER, **stop})
        cluster.create("pods", "client", spec={"containers": [{"name": "c", "image": AGNHOST, "args": ["pause"]}]}, metadata={"labels": {"app": "client"}})  # fmt: skip
        web = cluster.service("web", "web", type="NodePort")
        node_port, ip = web["ports"][0]["nodePort"], web["clusterIP"]
        client = cluster.wait_for_pods("client", 1)[0]["status"]["podIP"]
        before = {p["metadata"]["name"] for p in cluster.wait_for_pods("web", 4)}
        places = [host("127.0.0.1", node_port), inside(cluster, client, ip, 80)]
        for connect in places:
            eventually(lambda connect=connect: answers(connect) != "")  # type: ignore[misc]
        _update_under_load(cluster, places, before)
        _kill_under_load(cluster, places, backend)


def _update_under_load(cluster: ForkedCluster, places: list[Connect], before: set[str]) -> None:
    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(load(place, keep=keep)) for place in places for keep in (True, False)]
        patch = {"spec": {"template": {"metadata": {"annotations": {"version": "2"}}}}}
        cluster.client.patch("deployments.apps", "web", patch, "default")

        def updated() -> bool:
            pods = cluster.client.list("pods", "default", label_selector="app=web")["items"]
            return len(pods) == 4 == len(cluster.pods("web")) and not before & {p["metadata"]["name"] for p in pods}

        eventually(updated, 90, 0.1)
        eventually(lambda: all(each.answered > 100 for each in loads))
    for each in loads:
        assert each.failures == []
        assert before & each.bodies and each.bodies - before, "old and new pods have answered"


def _kill_under_load(cluster: ForkedCluster, places: list[Connect], backend: str) -> None:
    old = cluster.process("proxy")
    with load(places[0], keep=False) as from_host, load(places[1], keep=False) as from_pod:
        eventually(lambda: from_host.answered > 50 and from_pod.answered > 50)
        old.send(signal.SIGKILL)
        eventually(lambda: cluster.process("proxy").pid != old.pid)
        so_far = from_host.answered, from_pod.answered
        eventually(lambda: from_host.answered > so_far[0] + 50 and from_pod.answered > so_far[1] + 50)
    assert len(from_host.failures) <= 1, "the listener stayed: only what was under way when it was killed has failed"
    if backend == "nftables":
        assert from_pod.failures == [], "the kernel goes on"
    print(f"{backend}: longest gap {from_host.gap:.2f} s from the host, {from_pod.gap:.2f} s from a pod")


def test_the_host_reaches_services_of_the_process_runtime(tmp_path: Path) -> None:
    """Where pods share the machine's network. The proxy starts when the first Service needs it, says which port it
    cannot have, and takes it when it is free."""
    with forked_cluster(tmp_path / "state", {"MINIKCTL_RUNTIME": "process"}) as cluster:
        assert cluster.network is None and not (cluster.root / "run" / "proxy.pid").exists()
        cluster.deployment(
            "web", AGNHOST, 2, {**SERVER, "args": ["netexec", "--http-port=8080"], "readinessProbe": None}
        )
        with a_node_port() as other:
            port = other.getsockname()[1]
            web = cluster.service(
                "web", "web", type="NodePort", ports=[{"port": 80, "targetPort": 8080, "nodePort": port}]
            )
            connect = host("127.0.0.1", web["ports"][0]["nodePort"])
            told = f"cannot listen on 127.0.0.1:{web['ports'][0]['nodePort']}/TCP: another program listens there"
            eventually(lambda: told in [e["message"] for e in cluster.client.list("events", "default")["items"]])
        names = {p["metadata"]["name"] for p in cluster.wait_for_pods("web", 2)}
        eventually(lambda: answers(connect) in names)
        eventually(lambda: all_answers(connect) == names)
        for component in ("proxy", "proxy-host"):
            old = cluster.process(component)
            old.send(signal.SIGKILL)
            eventually(lambda old=old, component=component: cluster.process(component).pid != old.pid)  # type: ignore[misc]
            eventually(lambda: answers(connect) in names)


def a_node_port() -> socket.socket:
    """A listener at a port of the range of node ports."""
    for port in range(31000, 32768):
        with contextlib.suppress(OSError):
            return socket.create_server(("127.0.0.1", port))
    pytest.fail("no free port")
