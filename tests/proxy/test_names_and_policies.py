"""Names, NetworkPolicies and the way out of a real cluster's pods: both backends."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from dnslib import DNSRecord

from minikctl.api.meta import Obj, find_condition
from minikctl.proxy.egress import HOST_ADDRESS
from tests.proxy.lab import missing_tools
from tests.support.forked_cluster import ForkedCluster, forked_cluster
from tests.support.waiting import eventually

SERVER = {"args": ["netexec", "--http-port=8080"], "ports": [{"name": "http", "containerPort": 8080}]}
AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.47"
DNS = ("10.96.0.10", 53)


@pytest.mark.parametrize("backend", ["nftables", "userspace"])
def test_names_and_policies(backend: str, tmp_path: Path) -> None:
    if missing := missing_tools(backend):
        pytest.skip(missing)
    _cluster(backend, tmp_path)


def _cluster(backend: str, tmp_path: Path) -> None:
    with forked_cluster(tmp_path / "state", {"MINIKCTL_PROXY": backend}, nodes=2) as cluster:
        if cluster.network is None:
            pytest.skip("this machine does not let us make network namespaces")
        for name in ("web", "client", "friend"):
            cluster.deployment(name, AGNHOST, 1, SERVER)
        web = cluster.service("web", "web")["clusterIP"]
        cluster.service("bare", "web", clusterIP="None")
        addresses = {a: cluster.wait_for_pods(a, 1)[0]["status"]["podIP"] for a in ("web", "client", "friend")}
        _names(cluster, addresses, web)
        _policies(cluster, addresses, web, direct=backend == "nftables")
        if backend == "nftables":
            _way_out(cluster, addresses["client"])
        else:
            assert lookup(cluster, addresses["client"], "host.minikctl.internal") == []


# ---------------------------------------------------------------------- names


def lookup(cluster: ForkedCluster, pod_ip: str, name: str, *, tcp: bool = False) -> list[str]:
    """The addresses of a name, as a pod asks for them; [] while nobody answers."""
    packet = DNSRecord.question(name).pack()
    kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
    with cluster.socket(pod_ip, kind) as sock, contextlib.suppress(OSError):
        sock.settimeout(2)
        sock.connect(DNS)
        sock.sendall(len(packet).to_bytes(2, "big") + packet if tcp else packet)
        reply = sock.recv(4096)
        return [str(r.rdata) for r in DNSRecord.parse(reply[2:] if tcp else reply).rr]
    return []


def _names(cluster: ForkedCluster, addresses: dict[str, str], web: str) -> None:
    client = addresses["client"]
    eventually(lambda: lookup(cluster, client, "web.default.svc.cluster.local") == [web])
    eventually(lambda: lookup(cluster, client, "web.default.svc.cluster.local", tcp=True) == [web])
    eventually(lambda: lookup(cluster, "", "kube-dns.kube-system.svc.cluster.local") == ["10.96.0.10"])
    eventually(lambda: lookup(cluster, client, "bare.default.svc.cluster.local") == [addresses["web"]])
    cluster.service("late", "web", clusterIP="10.96.77.7")
    eventually(lambda: lookup(cluster, client, "late.default.svc.cluster.local") == ["10.96.77.7"])


# ---------------------------------------------------------------------- policies


def connects(cluster: ForkedCluster, pod_ip: str, address: str, port: int) -> bool:
    """Whether an HTTP server answers a pod there."""
    with cluster.socket(pod_ip) as sock, contextlib.suppress(OSError):
        sock.settimeout(0.4)
        sock.connect((address, port))
        sock.settimeout(5)
        sock.sendall(b"GET /hostname HTTP/1.0\r\n\r\n")
        return bool(sock.recv(100))
    return False


def said(cluster: ForkedCluster) -> list[str | None]:
    """What each node says about policies; None when it says nothing."""
    nodes = cluster.client.list("nodes")["items"]
    found = [find_condition(n["status"]["conditions"], "NetworkPolicyEnforced") for n in nodes]
    return [c and c["status"] for c in found]


def _policies(cluster: ForkedCluster, addresses: dict[str, str], web: str, *, direct: bool) -> None:
    """direct: whether connections to pods' own addresses are looked at, not only those through Services."""
    pod, client, friend = addresses["web"], addresses["client"], addresses["friend"]
    eventually(lambda: connects(cluster, client, web, 80))
    selector: Obj = {"matchLabels": {"app": "web"}}
    spec: Obj = {"podSelector": selector, "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "friend"}}}]}]}
    cluster.create("networkpolicies.networking.k8s.io", "only-friends", spec=spec)
    eventually(lambda: not connects(cluster, client, web, 80))
    eventually(lambda: connects(cluster, friend, web, 80))
    eventually(lambda: connects(cluster, "", pod, 8080))  # the node
    eventually(lambda: connects(cluster, "", web, 80))
    eventually(lambda: connects(cluster, client, pod, 8080) is not direct)
    eventually(lambda: said(cluster) == ([None, None] if direct else ["False", "False"]))
    cluster.deployment("friend-2", AGNHOST, 1, SERVER)
    other = cluster.wait_for_pods("friend-2", 1)[0]
    assert not connects(cluster, other["status"]["podIP"], web, 80)
    change = {"metadata": {"labels": {"app": "friend"}}}
    cluster.client.patch("pods", other["metadata"]["name"], change, "default")
    eventually(lambda: connects(cluster, other["status"]["podIP"], web, 80))
    cluster.client.delete("networkpolicies.networking.k8s.io", "only-friends", "default")
    eventually(lambda: connects(cluster, client, web, 80))


# ---------------------------------------------------------------------- the way out


def _way_out(cluster: ForkedCluster, client: str) -> None:
    with on_host() as port:
        address = HOST_ADDRESS
        eventually(lambda: lookup(cluster, client, "host.minikctl.internal") == [address])
        eventually(lambda: connects(cluster, client, address, port))
        eventually(lambda: connects(cluster, "", address, port))  # as pods on the host's network do
        for source in ("", client):
            with cluster.socket(source) as sock, pytest.raises(OSError, match=r"unreachable|No route"):
                sock.connect(("10.244.77.77", 80))  # an address that no pod has
        spec: Obj = {"podSelector": {}, "policyTypes": ["Egress"]}
        cluster.create("networkpolicies.networking.k8s.io", "no-way-out", spec=spec)
        eventually(lambda: not connects(cluster, client, address, port))
        eventually(lambda: lookup(cluster, client, "web.default.svc.cluster.local") == [])


@contextlib.contextmanager
def on_host() -> Iterator[int]:
    """The port of a program on the host's loopback."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                with client:
                    client.recv(100)
                    client.sendall(b"the host")

    threading.Thread(target=answer, daemon=True).start()
    try:
        yield int(server.getsockname()[1])
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
