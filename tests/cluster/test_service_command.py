"""`minikctl service`: where a Service can be reached from this machine."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from minikctl.cluster.commands.service import Place, places
from tests.support.cluster import TestCluster


@pytest.fixture
def port() -> Iterator[int]:
    """A port of the node ports' range at which somebody listens."""
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.socket())
        for number in range(31000, 32768):
            with contextlib.suppress(OSError):
                sock.bind(("127.0.0.1", number))
                sock.listen()
                yield number
                return
        pytest.fail("no free port")


def make(cluster: TestCluster, ready: bool = True, ip: str = "", **spec: Any) -> None:
    cluster.client.create(
        "services", {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}], **spec}}, "default"
    )
    meta = {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}}
    endpoints = [{"addresses": ["10.244.1.2"], "conditions": {"ready": ready}}]
    one = {"metadata": meta, "addressType": "IPv4", "ports": [{"name": "", "port": 80}], "endpoints": endpoints}
    cluster.client.create("endpointslices.discovery.k8s.io", one, "default")
    if ip:
        status = {"status": {"loadBalancer": {"ingress": [{"ip": ip, "ipMode": "Proxy"}]}}}
        cluster.client.patch("services", "web", status, "default", subresource="status")


def node_port(number: int) -> dict[str, Any]:
    return {"type": "NodePort", "ports": [{"name": "http", "port": 80, "nodePort": number}]}


def test_the_url_of_a_node_port(cluster: TestCluster, port: int) -> None:
    make(cluster, **node_port(port))
    assert cluster.cli("service", "web", "--url").out == f"http://127.0.0.1:{port}\n"
    assert cluster.cli("service", "web", "--url", "--https").out == f"https://127.0.0.1:{port}\n"
    assert cluster.cli("service", "web", "--url", "--format", "{{.IP}} {{.Port}}").out == f"127.0.0.1 {port}\n"
    assert cluster.cli("service", "web").out.split() == ["NAMESPACE", "NAME", "TARGET", "PORT", "URL", "default", "web", "http/80", f"http://127.0.0.1:{port}"]  # fmt: skip


def test_a_balancer_that_cannot_listen_falls_back(cluster: TestCluster, port: int) -> None:
    ports = [{"port": 9, "nodePort": port}]
    make(cluster, type="LoadBalancer", ports=ports, ip="127.3.2.1")
    done = cluster.cli("service", "web", "--url")
    assert done.out == f"http://127.0.0.1:{port}\n"
    assert done.err == "127.3.2.1:9 takes no connections (see the Service's events): using its node port\n"


def test_a_list_of_all(cluster: TestCluster) -> None:
    make(cluster)
    assert [line.split() for line in cluster.cli("service", "list").out.splitlines()[1:]] == [["default", "web", "No", "node", "port"]]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "ready", "error"),
    [
        ({}, True, "error: service default/web has no node port: it is reached from inside the cluster only; try: minikctl port-forward -n default service/web :80\n"),
        ({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False}, True, "error: service default/web has no address yet; see `describe service web`\n"),
        ({"type": "ExternalName", "externalName": "a.example.com"}, True, "error: service default/web is only another name for a.example.com\n"),
        (node_port(30999), False, "error: service default/web is not available: no ready pod was found for it\n"),
    ],
)  # fmt: skip
def test_what_cannot_be_reached(cluster: TestCluster, spec: dict[str, Any], ready: bool, error: str) -> None:
    make(cluster, ready=ready, **spec)
    done = cluster.cli("service", "web", "--url", "--wait=0")
    assert (done.code, done.out, done.err) == (1, "", error)


@pytest.mark.parametrize("words", [[], ["a", "b"], ["nothing"], ["web", "--format={{"]])
def test_bad_words(cluster: TestCluster, words: list[str]) -> None:
    done = cluster.cli("service", *words)
    assert done.code == 1 and done.err.startswith(("error: ", "Error from server (NotFound)"))


def test_places_of_several_ports() -> None:
    service = {
        "spec": {"ports": [{"name": "a", "port": 80, "nodePort": 30001}, {"name": "b", "port": 53, "protocol": "UDP"}]},
        "status": {"loadBalancer": {"ingress": [{"ip": "127.1.1.1"}, {"ip": "192.0.2.1"}]}},
    }
    assert places(service) == [
        [Place("a/80", "127.1.1.1", 80, "TCP"), Place("a/80", "127.0.0.1", 30001, "TCP")],
        [Place("b/53", "127.1.1.1", 53, "UDP")],
    ]
