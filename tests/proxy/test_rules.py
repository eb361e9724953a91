"""What Services lead to, as tables."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.proxy.rules import (
    Endpoint,
    Node,
    host_port_targets,
    nodes_of,
    refused_ports,
    targets_of,
    together,
)

NODES = {"n1": Node(("172.18.0.2",), "10.244.1.0/24", "a"), "n2": Node(("172.18.0.3",), "10.244.2.0/24", "b")}


def service(name: str = "web", labels: dict[str, str] | None = None, status: Any = None, **spec: Any) -> dict[str, Any]:
    whole = {"clusterIP": "10.96.0.7", "type": "ClusterIP", "ports": [{"port": 80, "protocol": "TCP"}], **spec}
    meta = {"name": name, "namespace": "default", "uid": name, "labels": labels or {}}
    return {"metadata": meta, "spec": whole, "status": status or {}}


def endpoint(ip: str, node: str | None = "n1", conditions: Any = None, **more: Any) -> dict[str, Any]:
    return {"addresses": [ip], "nodeName": node, "conditions": conditions or {}, **more}


def piece(*endpoints: dict[str, Any], port: Any = 8080, name: str = "", **more: Any) -> dict[str, Any]:
    meta = {"name": "s", "namespace": "default"}
    ports = [{"name": name, "port": port, "protocol": "TCP"}]
    return {"metadata": meta, "addressType": "IPv4", "ports": ports, "endpoints": list(endpoints), **more}


READY = {"ready": True, "serving": True, "terminating": False}
ENDING = {"ready": False, "serving": True, "terminating": True}
BROKEN = {"ready": False, "serving": False, "terminating": False}
GONE = {"ready": False, "serving": False, "terminating": True}


def ips(endpoints: tuple[Endpoint, ...]) -> list[str]:
    return [e.ip for e in endpoints]


@pytest.mark.parametrize(
    ("states", "used"),
    [
        ((READY, READY), ["10.244.1.1", "10.244.1.2"]),
        ((READY, BROKEN), ["10.244.1.1"]),
        ((READY, ENDING), ["10.244.1.1"]),
        ((BROKEN, ENDING), ["10.244.1.2"]),
        ((GONE, ENDING), ["10.244.1.2"]),
        ((BROKEN, GONE), []),
        ((None, {"ready": None}), ["10.244.1.1", "10.244.1.2"]),
        (({"ready": True, "terminating": True}, READY), ["10.244.1.1", "10.244.1.2"]),
    ],
)
def test_which_endpoints_are_used(states: tuple[Any, Any], used: list[str]) -> None:
    slices = [piece(*(endpoint(f"10.244.1.{i}", conditions=s) for i, s in enumerate(states, 1)))]
    (target,) = targets_of(service(), slices, NODES)
    assert ips(target.endpoints) == ips(target.external) == used


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "ExternalName", "externalName": "a.example.com", "clusterIP": None},
        {"clusterIP": "None"},
        {"clusterIP": ""},
        {"labels": {"service.kubernetes.io/service-proxy-name": "other"}},
        {"ports": None},
    ],
)
def test_services_that_lead_nowhere(spec: dict[str, Any]) -> None:
    assert targets_of(service(**spec), [piece(endpoint("10.244.1.1"))], NODES) == []


def test_ports_by_name_and_number() -> None:
    ports = [{"name": "http", "port": 80, "nodePort": 30080}, {"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "x", "port": 9, "protocol": "SCTP"}]  # fmt: skip
    slices = [
        piece(endpoint("10.244.1.1"), name="http", port=8080),
        piece(endpoint("10.244.2.2", "n2"), name="http", port=9090),
        piece(endpoint("10.244.2.2", "n2"), name="http", port=None),
        {**piece(endpoint("10.244.1.1")), "ports": [{"name": "dns", "port": 5353, "protocol": "UDP"}]},
        {**piece(endpoint("fd00::1")), "addressType": "IPv6"},
        {**piece(endpoint("example.com")), "addressType": "FQDN"},
        {**piece(), "endpoints": None, "ports": None},
    ]
    web = service(type="NodePort", ports=ports)
    http, dns = targets_of(web, slices, NODES)
    assert [(e.ip, e.port, e.node) for e in http.endpoints] == [("10.244.1.1", 8080, "n1"), ("10.244.2.2", 9090, "n2")]
    assert (http.node_port, http.cluster_fronts, http.title) == (30080, (("10.96.0.7", 80),), "default/web:http")
    assert (dns.protocol, [e.port for e in dns.endpoints]) == ("udp", [5353])
    assert [p["name"] for p in refused_ports(web)] == ["x"]


def test_an_endpoint_in_two_slices_counts_once() -> None:
    slices = [piece(endpoint("10.244.1.1", conditions=BROKEN)), piece(endpoint("10.244.1.1", conditions=READY))]
    (target,) = targets_of(service(), slices, NODES)
    assert ips(target.endpoints) == ["10.244.1.1"]


def test_internal_traffic_policy_local() -> None:
    slices = [piece(endpoint("10.244.1.1"), endpoint("10.244.2.1", "n2", ENDING), endpoint("192.0.2.1", None))]
    (target,) = targets_of(service(internalTrafficPolicy="Local"), slices, NODES)
    assert target.local_only and {n: ips(found) for n, found in target.by_node} == {
        "n1": ["10.244.1.1"],
        "n2": ["10.244.2.1"],
    }
    assert ips(target.endpoints) == ["10.244.1.1", "192.0.2.1"]


def test_external_traffic_policy_local_leaves_what_is_on_no_node() -> None:
    slices = [piece(endpoint("10.244.1.1"), endpoint("10.244.2.1", "n2", ENDING), endpoint("192.0.2.1", None))]
    (target,) = targets_of(service(type="NodePort", externalTrafficPolicy="Local"), slices, NODES)
    assert ips(target.external) == ["10.244.1.1", "10.244.2.1"] and ips(target.endpoints) == ["10.244.1.1", "192.0.2.1"]


@pytest.mark.parametrize(
    ("hints", "by_node"),
    [
        ([{"forZones": [{"name": "a"}]}, {"forZones": [{"name": "b"}]}], {"n1": ["10.244.1.1"], "n2": ["10.244.1.2"]}),
        ([{"forZones": [{"name": "a"}]}, None], {}),
        ([{"forZones": [{"name": "a"}, {"name": "b"}]}] * 2, {}),
        ([{"forZones": [{"name": "c"}]}] * 2, {}),
        (
            [{"forNodes": [{"name": "n2"}]}, {"forNodes": [{"name": "n1"}]}],
            {"n1": ["10.244.1.2"], "n2": ["10.244.1.1"]},
        ),
    ],
)
def test_topology_hints(hints: list[Any], by_node: dict[str, list[str]]) -> None:
    slices = [piece(*(endpoint(f"10.244.1.{i}", hints=h) for i, h in enumerate(hints, 1)))]
    (target,) = targets_of(service(), slices, NODES)
    assert {n: ips(found) for n, found in target.by_node} == by_node
    assert len(target.endpoints) == 2 and not target.local_only


def test_addresses_of_load_balancers() -> None:
    ingress = [{"ip": "127.9.9.9", "ipMode": "Proxy"}, {"ip": "203.0.113.5", "ipMode": "VIP"}, {"ip": "203.0.113.6", "ipMode": "Proxy"}, {"hostname": "x"}]  # fmt: skip
    status = {"loadBalancer": {"ingress": ingress}}
    more = {"type": "LoadBalancer", "externalIPs": ["198.51.100.1"], "loadBalancerSourceRanges": ["127.0.0.0/8"]}
    (target,) = targets_of(service(status=status, **more), [], NODES)
    assert target.fronts == (("198.51.100.1", 80), ("203.0.113.5", 80)) and target.host_fronts == (("127.9.9.9", 80),)
    assert target.source_ranges == ("127.0.0.0/8",)


@pytest.mark.parametrize(
    ("spec", "seconds"),
    [
        ({}, 0),
        ({"sessionAffinity": "None"}, 0),
        ({"sessionAffinity": "ClientIP"}, 10800),
        ({"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 7}}}, 7),
    ],
)
def test_affinity(spec: dict[str, Any], seconds: int) -> None:
    assert targets_of(service(**spec), [], NODES)[0].affinity == seconds


def pod(host_port: int, host_ip: str = "", phase: str = "Running", **spec: Any) -> dict[str, Any]:
    port = {"containerPort": 80, "hostPort": host_port, "hostIP": host_ip, "protocol": "TCP"}
    containers = [{"name": "c", "ports": [port, {"containerPort": 81}]}]
    meta = {"name": "p", "namespace": "default"}
    return {"metadata": meta, "spec": {"nodeName": "n1", "containers": containers, **spec}, "status": {"podIP": "10.244.1.9", "phase": phase}}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "inside", "host"),
    [
        (pod(8080), (("172.18.0.2", 8080),), (("127.0.0.1", 8080),)),
        (pod(8080, "0.0.0.0"), (("172.18.0.2", 8080),), (("127.0.0.1", 8080),)),
        (pod(8080, "127.0.0.5"), (), (("127.0.0.5", 8080),)),
        (pod(8080, "172.18.0.2"), (("172.18.0.2", 8080),), ()),
    ],
)
def test_host_ports(given: dict[str, Any], inside: Any, host: Any) -> None:
    (target,) = host_port_targets(given, NODES)
    assert (target.fronts, target.host_fronts, target.endpoints) == (inside, host, (Endpoint("10.244.1.9", 80, "n1"),))


@pytest.mark.parametrize(
    "given", [pod(0), pod(80, phase="Failed"), pod(80, hostNetwork=True), {**pod(80), "status": {}}]
)
def test_pods_without_host_ports(given: dict[str, Any]) -> None:
    assert host_port_targets(given, NODES) == []


def test_an_address_belongs_to_one() -> None:
    a = targets_of(service("a", externalIPs=["198.51.100.1"], clusterIP="10.96.0.1"), [], NODES)
    b = targets_of(service("b", externalIPs=["198.51.100.1"], clusterIP="10.96.0.2"), [], NODES)
    node_port = targets_of(service("c", type="NodePort", clusterIP="10.96.0.3", ports=[{"port": 80, "nodePort": 30080}]), [], NODES)  # fmt: skip
    found = together([*b, *host_port_targets(pod(30080), NODES), *node_port, *a], ["172.18.0.2"])
    assert {k[2]: t.fronts for k, t in found.targets.items()} == {
        "a": (("198.51.100.1", 80),),
        "b": (),
        "c": (),
        "p": (),
    }
    assert [(c.loser[2], c.address, c.port, c.winner[2]) for c in found.clashes] == [
        ("b", "198.51.100.1", 80, "a"),
        ("p", "172.18.0.2", 30080, "c"),
        ("p", "127.0.0.1", 30080, "c"),
    ]


def test_nodes() -> None:
    node = {
        "metadata": {"name": "n1", "labels": {"topology.kubernetes.io/zone": "a"}},
        "spec": {"podCIDR": "10.244.1.0/24"},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "172.18.0.2"}, {"type": "Hostname", "address": "n1"}]
        },
    }
    assert nodes_of([node, {"metadata": {"name": "n2"}}]) == {"n1": NODES["n1"], "n2": Node()}


def test_even_addresses_that_should_be_unique_belong_to_one() -> None:
    """Somebody has edited files by hand."""
    more = {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}
    both = [t for name in ("b", "a") for t in targets_of(service(name, **more), [], NODES)]
    found = together(both, ["172.18.0.2"])
    assert [(k[2], t.node_port, t.cluster_fronts) for k, t in found.targets.items()] == [
        ("a", 30080, (("10.96.0.7", 80),)),
        ("b", 0, ()),
    ]
    assert {(c.loser[2], c.address, c.port) for c in found.clashes} == {
        ("b", "127.0.0.1", 30080),
        ("b", "10.96.0.7", 80),
    }


def test_addresses_of_the_other_family_lead_nowhere() -> None:
    (target,) = targets_of(service("a", externalIPs=["2001:db8::5", "198.51.100.1"]), [], NODES)
    assert target.fronts == (("198.51.100.1", 80),)
    (target,) = targets_of(service("a", clusterIP="2001:db8::6"), [], NODES)
    assert target.cluster_fronts == ()


def test_nobody_takes_the_cluster_ip_of_another() -> None:
    """By an external address or a load balancer's status, which anybody may write."""
    thief = service("a", externalIPs=["10.96.0.9"], clusterIP="10.96.0.1", type="LoadBalancer")
    thief["status"] = {"loadBalancer": {"ingress": [{"ip": "10.96.0.9"}, {"ip": "203.0.113.1"}]}}
    victim = targets_of(service("b", clusterIP="10.96.0.9"), [], NODES)
    found = together([*targets_of(thief, [], NODES), *victim])
    assert {k[2]: (t.cluster_fronts, t.fronts) for k, t in found.targets.items()} == {
        "a": ((("10.96.0.1", 80),), (("203.0.113.1", 80),)),
        "b": ((("10.96.0.9", 80),), ()),
    }
    assert [(c.loser[2], c.address, c.winner[2]) for c in found.clashes] == [("a", "10.96.0.9", "b")]
