"""The component: a real server on the loopback interface behind a cluster's API."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from dnslib import DNSRecord

from minikctl.dns import component
from tests.support.cluster import TestCluster
from tests.support.ports import udp_and_tcp
from tests.support.waiting import eventually


def ask(address: tuple[str, int], name: str) -> list[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(60)
        client.sendto(DNSRecord.question(name).pack(), address)
        return [str(r.rdata) for r in DNSRecord.parse(client.recv(4096)).rr]


def test_names_of_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = TestCluster(tmp_path / "state", live=True)
    udp, tcp = udp_and_tcp()
    address = udp.getsockname()
    monkeypatch.setattr(component, "listen", lambda _address: (udp, tcp))
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80}], "clusterIP": "10.96.44.5"}
    cluster.client.create("services", {"metadata": {"name": "web"}, "spec": spec}, "default")
    stop = component.start(cluster.client, "172.18.0.1")
    try:
        assert ask(address, "web.default.svc.cluster.local") == ["10.96.44.5"]
        eventually(lambda: ask(address, "kube-dns.kube-system.svc.cluster.local") == ["10.96.0.10"])
        cluster.client.delete("services", "web", "default")
        eventually(lambda: ask(address, "web.default.svc.cluster.local") == [])
    finally:
        stop()
    shown = cluster.cli("get", "svc", "-n", "kube-system").out.splitlines()[1].split()
    assert shown[:5] == ["kube-dns", "ClusterIP", "10.96.0.10", "<none>", "53/UDP,53/TCP"]
    assert "CoreDNS is running at" in cluster.cli("cluster-info").out
    cluster.close()


def test_the_service_is_made_once_and_its_slice_kept_true(tmp_path: Path) -> None:
    cluster = TestCluster(tmp_path / "state")
    component.ensure_service(cluster.client, "172.18.0.1")
    version = cluster.client.list("services")["metadata"]["resourceVersion"]
    component.ensure_service(cluster.client, "172.18.0.1")
    assert cluster.client.list("services")["metadata"]["resourceVersion"] == version
    component.ensure_service(cluster.client, "172.18.0.9")
    (endpoint,) = cluster.client.get("endpointslices", "kube-dns", "kube-system")["endpoints"]
    assert endpoint["addresses"] == ["172.18.0.9"]
    cluster.close()
