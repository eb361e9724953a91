"""The component: follows objects, has backend and listeners do as they say, tells what cannot be done."""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from minikctl.proxy import proxy as proxy_module
from minikctl.proxy.fronts import Front
from minikctl.proxy.host import HostGone
from minikctl.proxy.process import is_pod
from minikctl.proxy.proxy import Proxy
from minikctl.proxy.rules import BackendFailure, Key, Node, Target
from tests.support.cluster import TestCluster
from tests.support.waiting import eventually

INSIDE = ["10.244.0.0/16", "172.18.0.0/16"]


class FakeBackend:
    name = "fake"

    def __init__(self) -> None:
        self.targets: dict[str, Target] = {}
        self.failures = 0

    def apply(self, targets: Mapping[Key, Target], nodes: Mapping[str, Node]) -> None:
        if self.failures:
            self.failures -= 1
            raise BackendFailure("no")
        self.targets = {k[2]: t for k, t in targets.items()}


class FakeFronts:
    failing = False
    gone = 0
    """How often the host's side is not there."""

    def __init__(self) -> None:
        self.wanted: set[tuple[str, str, int]] = set()

    def apply(self, wanted: Iterable[Front], targets: Mapping[Key, Target], nodes: Mapping[str, Node]) -> None:
        if self.gone:
            self.gone -= 1
            raise HostGone("it has ended")
        self.wanted = {(f.kind, f.address, f.port) for f in wanted}

    def forget_others(self) -> None:
        return None


class FakeRoutes:
    local: set[str] = set()

    def keep(self, local: Iterable[str], passing: Iterable[str]) -> None:
        self.local, self.passing = set(local), set(passing)
        for ip in self.local | self.passing:
            ipaddress.IPv4Address(ip)  # as the real ones do


class Made:
    def __init__(self, cluster: TestCluster, backend: bool = True, inside: Iterable[str] = INSIDE):
        self.client = cluster.client
        self.fronts, self.routes = FakeFronts(), FakeRoutes()
        self.backend = FakeBackend() if backend else None
        self.proxy = Proxy(cluster.client, self.fronts, self.backend, inside=inside, routes=self.routes)  # type: ignore[arg-type]

    def service(self, name: str, *ips: str, **spec: Any) -> None:
        self.client.create(
            "services", {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}, "default"
        )
        meta = {"name": f"{name}-1", "labels": {"kubernetes.io/service-name": name}}
        one = {"metadata": meta, "addressType": "IPv4", "ports": [{"name": "", "port": 8080}]}
        one["endpoints"] = [{"addresses": [ip]} for ip in ips]
        self.client.create("endpointslices.discovery.k8s.io", one, "default")

    def events(self) -> list[tuple[str, str, str]]:
        assert self.proxy.recorder.flush()
        found = self.client.list("events", "default")["items"]
        return [(e["involvedObject"]["name"], e["reason"], e["message"]) for e in found]


@pytest.fixture
def made(cluster: TestCluster) -> Iterator[Made]:
    made = Made(cluster)
    made.proxy.start()
    yield made
    made.proxy.stop()


def ips(target: Target) -> list[str]:
    return [e.ip for e in target.endpoints]


def test_objects_are_followed(made: Made) -> None:
    assert made.backend is not None
    made.service("web", "10.244.1.1", type="NodePort", ports=[{"port": 80, "nodePort": 30080}])
    eventually(lambda: "web" in made.backend.targets and ips(made.backend.targets["web"]) == ["10.244.1.1"])
    eventually(lambda: made.fronts.wanted == {("host", "127.0.0.1", 30080)})
    change = {"endpoints": [{"addresses": ["10.244.1.2"]}]}
    made.client.patch("endpointslices.discovery.k8s.io", "web-1", change, "default")
    eventually(lambda: ips(made.backend.targets["web"]) == ["10.244.1.2"])
    made.client.patch("endpointslices.discovery.k8s.io", "web-1", {"endpoints": []}, "default")
    eventually(lambda: made.backend.targets["web"].endpoints == () and made.fronts.wanted == set())
    made.client.delete("services", "web", "default")
    eventually(lambda: "web" not in made.backend.targets)


def test_endpoints_outside_the_cluster_are_relayed(made: Made) -> None:
    assert made.backend is not None
    made.service("db", "192.0.2.1", clusterIP="10.96.0.50")
    made.service("both", "192.0.2.1", "10.244.1.1", clusterIP="10.96.0.51")
    made.service("web", "10.244.1.1", clusterIP="10.96.0.52")
    eventually(lambda: made.fronts.wanted == {("cluster", "10.96.0.50", 80), ("cluster", "10.96.0.51", 80)})
    eventually(lambda: set(made.backend.targets) == {"web"} and made.routes.local == {"10.96.0.50", "10.96.0.51"})


def test_a_failure_of_the_backend_is_tried_again(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_module, "RETRY_SECONDS", 0.05)
    assert made.backend is not None
    made.backend.failures = 1
    made.service("web", "10.244.1.1")
    eventually(lambda: "web" in made.backend.targets)


def test_odd_addresses_stop_nobody_else(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    """What the API server takes, and leads nowhere here."""
    made.service("odd-1", "10.244.1.1", externalIPs=["2001:db8::5", "255.255.255.255"])
    made.service("odd-2", "10.244.1.2", type="LoadBalancer", loadBalancerClass="example.com/x")
    odd = [{"ip": "2001:db8::6"}, {"ip": "0.0.0.0"}, {"hostname": "x.example.com"}]
    status = {"status": {"loadBalancer": {"ingress": odd}}}
    made.client.patch("services", "odd-2", status, "default", subresource="status")
    six = {"metadata": {"name": "six", "labels": {"kubernetes.io/service-name": "odd-1"}}, "addressType": "IPv6"}
    made.client.create(
        "endpointslices", {**six, "ports": [{"port": 8080}], "endpoints": [{"addresses": ["2001:db8::7"]}]}, "default"
    )
    made.service("web", "10.244.1.3")
    eventually(lambda: made.backend is not None and "web" in made.backend.targets)
    assert not any(r.exc_info for r in caplog.records)


def test_a_host_that_is_gone_is_a_line_in_the_log(
    made: Made, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(proxy_module, "RETRY_SECONDS", 0.01)
    made.fronts.gone = 2
    made.service("web", "10.244.1.2", type="NodePort")
    eventually(lambda: "web" in made.backend.targets if made.backend else False)
    assert [r.getMessage() for r in caplog.records if r.name == "proxy"] == ["it has ended"] * 2
    assert not any(r.exc_info for r in caplog.records)


def test_without_a_backend_the_relay_serves_all(cluster: TestCluster) -> None:
    made = Made(cluster, backend=False)
    made.proxy.start()
    made.service("web", "10.244.1.1", clusterIP="10.96.0.52", externalIPs=["198.51.100.1"])
    eventually(lambda: made.fronts.wanted == {("cluster", "10.96.0.52", 80), ("inside", "198.51.100.1", 80)})
    made.proxy.stop()


def test_without_a_cluster_network_only_the_host_is_served(cluster: TestCluster) -> None:
    made = Made(cluster, backend=False, inside=())
    made.proxy.start()
    made.service("web", "127.9.1.1", type="NodePort", ports=[{"port": 80, "nodePort": 30080}])
    eventually(lambda: made.fronts.wanted == {("host", "127.0.0.1", 30080)})
    made.proxy.stop()


def test_host_ports_of_pods(made: Made) -> None:
    containers = [{"name": "c", "image": "nginx", "ports": [{"containerPort": 80, "hostPort": 8088}]}]
    made.client.create(
        "pods", {"metadata": {"name": "p"}, "spec": {"containers": containers, "nodeName": "n"}}, "default"
    )
    made.client.patch("pods", "p", {"status": {"podIP": "10.244.1.9", "podIPs": [{"ip": "10.244.1.9"}], "phase": "Running"}}, "default", subresource="status")  # fmt: skip
    eventually(lambda: made.fronts.wanted == {("host", "127.0.0.1", 8088), ("inside", "127.0.0.1", 8088)})
    made.client.patch("pods", "p", {"status": {"phase": "Succeeded"}}, "default", subresource="status")
    eventually(lambda: made.fronts.wanted == set())


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.244.1.2", True), ("10.244.1.1", False), ("172.18.0.2", False), ("127.0.0.1", False), ("10.96.0.1", False)],
)
def test_who_is_a_pod(address: str, expected: bool) -> None:
    assert is_pod(address, ipaddress.IPv4Network("10.244.0.0/15")) is expected


def test_what_cannot_be_is_told(made: Made) -> None:
    made.service("a", "10.244.1.1", externalIPs=["198.51.100.1"])
    made.service("b", "10.244.1.2", externalIPs=["198.51.100.1"])
    made.service("sctp", ports=[{"port": 9, "protocol": "SCTP"}])
    made.service("lb", "10.244.1.3", type="LoadBalancer", ports=[{"port": 80, "nodePort": 30099}])
    key = ("Service", "default", "lb", "")
    eventually(
        lambda: (
            made.proxy.services.get("lb", "default") is not None and ("host", "127.0.0.1", 30099) in made.fronts.wanted
        )
    )
    made.proxy.problem(Front("host", "tcp", "127.1.2.3", 80, key), OSError(errno.EACCES, "no"))
    made.proxy.problem(Front("host", "tcp", "127.0.0.1", 30099, key), OSError(errno.EADDRINUSE, "no"))
    wanted = {
        ("b", "AddressConflict", "198.51.100.1:80/TCP is taken by Service default/a: it does not lead here"),
        ("sctp", "UnsupportedProtocol", "port 9/SCTP leads nowhere: only TCP and UDP are supported"),
        ("lb", "FailedToListen", "cannot listen on 127.1.2.3:80/TCP: this user may not listen on that port; the node port is 127.0.0.1:30099"),
        ("lb", "FailedToListen", "cannot listen on 127.0.0.1:30099/TCP: another program listens there"),
    }  # fmt: skip
    eventually(lambda: wanted <= set(made.events()))
