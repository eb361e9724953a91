"""What Services can be asked for, with real pods on two nodes: on both backends."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from tests.proxy.http_load import Connect, get
from tests.proxy.lab import missing_tools
from tests.proxy.test_cluster import AGNHOST, all_answers, answers, check_backend, host, inside
from tests.proxy.test_names_and_policies import lookup
from tests.support.forked_cluster import ForkedCluster, forked_cluster, is_ready
from tests.support.waiting import eventually

NODES = ("node-1", "node-2")
HTTP, ECHO = 8080, 8081
Pods = dict[str, str]
"""Addresses by name; `one` and `client-1` are on the first node, `two` and `client-2` on the second."""


@pytest.fixture(scope="module", params=["nftables", "userspace"])
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkedCluster]:
    if missing := missing_tools(request.param):
        pytest.skip(missing)
    root = tmp_path_factory.mktemp("services") / "state"
    with forked_cluster(root, {"MINIKCTL_PROXY": request.param}, nodes=2) as made:
        check_backend(made, request.param)
        yield made


@pytest.fixture(scope="module")
def pods(cluster: ForkedCluster) -> Pods:
    for number, node in enumerate(NODES):
        for name, app in ((("one", "two")[number], "web"), (f"client-{number + 1}", "client")):
            pod(cluster, name, app, nodeName=node)
    eventually(lambda: all(ip(cluster, name) for name in ("one", "two", "client-1", "client-2")))
    return {name: ip(cluster, name) for name in ("one", "two", "client-1", "client-2")}


def pod(
    cluster: ForkedCluster, name: str, app: str, container: Mapping[str, Any] = MappingProxyType({}), **spec: Any
) -> None:
    server = {"name": "c", "image": AGNHOST, "args": ["netexec", f"--http-port={HTTP}", f"--udp-port={ECHO}"]}
    spec = {"terminationGracePeriodSeconds": 1, "containers": [{**server, **container}], **spec}
    cluster.create("pods", name, spec=spec, metadata={"labels": {"app": app}})


def ip(cluster: ForkedCluster, name: str, *, ready: bool = True) -> str:
    """Of a pod that is ready, "" before."""
    found = cluster.client.get("pods", name, "default")
    return str(found["status"].get("podIP") or "") if is_ready(found) or not ready else ""


def asked_by_udp(sock: socket.socket, address: str, port: int) -> str:
    """The name that answers, "" when none does."""
    with sock, contextlib.suppress(OSError):
        sock.settimeout(1)
        sock.connect((address, port))
        sock.send(b"hostname\n")
        return sock.recv(200).decode().strip()
    return ""


def refused(connect: Connect) -> bool:
    """Whether a connection is refused or reset, as opposed to answered or lost."""
    try:
        get(connect)
    except ConnectionError:
        return True
    return False


def nobody(connect: Connect) -> Callable[[], bool]:
    return lambda: refused(connect)


def patch(cluster: ForkedCluster, name: str, **spec: Any) -> Obj:
    changed: Obj = cluster.client.patch("services", name, {"spec": spec}, "default")["spec"]
    return changed


def by_hand(cluster: ForkedCluster, service: str, name: str, ports: list[Obj], *endpoints: Obj) -> None:
    labels = {"kubernetes.io/service-name": service}
    cluster.create(
        "endpointslices.discovery.k8s.io",
        name,
        metadata={"labels": labels},
        addressType="IPv4",
        ports=ports,
        endpoints=list(endpoints),
    )


# ---------------------------------------------------------------------- tests


def test_one_port_of_both_protocols(cluster: ForkedCluster, pods: Pods) -> None:
    ports = [
        {"name": "tcp", "port": 80, "targetPort": HTTP},
        {"name": "udp", "port": 80, "targetPort": ECHO, "protocol": "UDP"},
    ]
    both = cluster.service("both", "web", ports=ports, type="NodePort")
    address, (tcp, udp) = both["clusterIP"], (p["nodePort"] for p in both["ports"])
    eventually(lambda: answers(inside(cluster, pods["client-1"], address, 80)) in ("one", "two"))
    new = socket.SOCK_DGRAM
    eventually(lambda: asked_by_udp(cluster.socket(pods["client-1"], new), address, 80) in ("one", "two"))
    eventually(lambda: answers(host("127.0.0.1", tcp)) in ("one", "two"))
    eventually(lambda: asked_by_udp(socket.socket(socket.AF_INET, new), "127.0.0.1", udp) in ("one", "two"))


def test_affinity_is_switched_on_and_off(cluster: ForkedCluster, pods: Pods) -> None:
    made = cluster.service("switched", "web", type="NodePort")
    places = [
        inside(cluster, pods["client-1"], made["clusterIP"], 80),
        inside(cluster, pods["client-1"], node_address(cluster, "node-2"), made["ports"][0]["nodePort"]),
        host("127.0.0.1", made["ports"][0]["nodePort"]),
    ]
    for place in places:
        eventually(lambda place=place: answers(place) != "")  # type: ignore[misc]
        assert all_answers(place) == {"one", "two"}
    patch(cluster, "switched", sessionAffinity="ClientIP")
    for place in places:
        eventually(lambda place=place: len(all_answers(place, 15)) == 1)  # type: ignore[misc]
    patch(cluster, "switched", sessionAffinity="None", sessionAffinityConfig=None)
    for place in places:
        eventually(lambda place=place: all_answers(place) == {"one", "two"})  # type: ignore[misc]


def node_address(cluster: ForkedCluster, node: str) -> str:
    addresses = cluster.client.get("nodes", node)["status"]["addresses"]
    return next(str(a["address"]) for a in addresses if a["type"] == "InternalIP")


def test_traffic_stays_on_the_node(cluster: ForkedCluster, pods: Pods) -> None:
    ip = cluster.service("near", "web", internalTrafficPolicy="Local")["clusterIP"]
    for number, name in ((1, "one"), (2, "two")):
        connect = inside(cluster, pods[f"client-{number}"], ip, 80)
        eventually(lambda connect=connect: answers(connect) != "")  # type: ignore[misc]
        assert all_answers(connect, 15) == {name}
    only = cluster.service("only-one", internalTrafficPolicy="Local", ports=[{"port": 80}])["clusterIP"]
    ports = [{"name": "", "port": HTTP, "protocol": "TCP"}]
    by_hand(cluster, "only-one", "only-one-1", ports, {"addresses": [pods["one"]], "nodeName": "node-1"})
    eventually(lambda: answers(inside(cluster, pods["client-1"], only, 80)) == "one")
    assert refused(inside(cluster, pods["client-2"], only, 80))


def test_a_load_balancer_with_a_local_policy(cluster: ForkedCluster, pods: Pods) -> None:
    made = cluster.service("outer", "web", type="LoadBalancer", externalTrafficPolicy="Local")
    assert made["healthCheckNodePort"]
    connect = host("127.0.0.1", made["ports"][0]["nodePort"])
    eventually(lambda: answers(connect) != "")
    assert all_answers(connect) == {"one", "two"}


def test_addresses_that_are_not_ready(cluster: ForkedCluster, pods: Pods) -> None:
    never = {"readinessProbe": {"exec": {"command": ["false"]}, "periodSeconds": 1}}
    pod(cluster, "early", "early", never)
    made = cluster.service("early", "early")
    cluster.service("early-names", "early", clusterIP="None")
    eventually(lambda: ip(cluster, "early", ready=False) != "")
    connect = inside(cluster, pods["client-1"], made["clusterIP"], 80)
    eventually(nobody(connect))
    name = "early-names.default.svc.cluster.local"
    assert lookup(cluster, pods["client-1"], name) == []
    for service in ("early", "early-names"):
        patch(cluster, service, publishNotReadyAddresses=True)
    eventually(lambda: answers(connect) == "early")
    eventually(lambda: lookup(cluster, pods["client-1"], name) == [ip(cluster, "early", ready=False)])


def test_slices_made_by_hand(cluster: ForkedCluster, pods: Pods) -> None:
    """Several slices, each with another port or other addresses; and a headless Service that has no selector."""
    ports = [{"name": "a", "port": 80}, {"name": "b", "port": 81}]
    made = cluster.service("by-hand", ports=ports)["clusterIP"]
    one, two = {"addresses": [pods["one"]]}, {"addresses": [pods["two"]]}
    by_hand(cluster, "by-hand", "by-hand-1", [{"name": "a", "port": HTTP}], one)
    by_hand(cluster, "by-hand", "by-hand-2", [{"name": "b", "port": HTTP}], two)
    eventually(lambda: answers(inside(cluster, pods["client-1"], made, 80)) == "one")
    eventually(lambda: answers(inside(cluster, pods["client-1"], made, 81)) == "two")
    by_hand(cluster, "by-hand", "by-hand-3", [{"name": "a", "port": HTTP}], two)
    eventually(lambda: all_answers(inside(cluster, pods["client-1"], made, 80)) == {"one", "two"})
    cluster.service("headless", clusterIP="None", ports=[{"port": HTTP}])
    by_hand(cluster, "headless", "headless-1", [{"name": "", "port": HTTP}], {**one, "hostname": "first"}, two)
    name = "headless.default.svc.cluster.local"
    eventually(lambda: sorted(lookup(cluster, pods["client-1"], name)) == sorted([pods["one"], pods["two"]]))
    assert lookup(cluster, pods["client-1"], f"first.{name}") == [pods["one"]]


def test_endpoints_made_by_hand(cluster: ForkedCluster, pods: Pods) -> None:
    made = cluster.service("mirrored", ports=[{"port": 80}])["clusterIP"]
    subsets = [{"addresses": [{"ip": pods["two"]}], "ports": [{"port": HTTP}]}]
    cluster.create("endpoints", "mirrored", subsets=subsets)
    eventually(lambda: answers(inside(cluster, pods["client-1"], made, 80)) == "two")


def test_the_last_pod_answers_until_it_has_ended(cluster: ForkedCluster, pods: Pods) -> None:
    stop = {"lifecycle": {"preStop": {"exec": {"command": ["sleep", "100"]}}}}
    pod(cluster, "last", "last", stop, terminationGracePeriodSeconds=100)
    made = cluster.service("last", "last")["clusterIP"]
    connect = inside(cluster, pods["client-1"], made, 80)
    eventually(lambda: answers(connect) == "last")
    cluster.client.delete("pods", "last", "default")

    def terminating() -> bool:
        slices = cluster.client.list("endpointslices", "default", label_selector="kubernetes.io/service-name=last")
        return any(e["conditions"].get("terminating") for s in slices["items"] for e in s["endpoints"])

    eventually(terminating)
    assert all_answers(connect, 20) == {"last"}
    pod(cluster, "next", "last")
    eventually(lambda: ip(cluster, "next") != "")
    eventually(lambda: {answers(connect) for _ in range(10)} == {"next"})


def test_types_are_changed(cluster: ForkedCluster, pods: Pods) -> None:
    ip = cluster.service("changing", "web")["clusterIP"]
    name = "changing.default.svc.cluster.local"
    eventually(lambda: answers(inside(cluster, pods["client-1"], ip, 80)) != "")
    outer = {"type": "ExternalName", "externalName": "one.example", "clusterIP": "", "clusterIPs": None}
    assert not patch(cluster, "changing", **outer).get("clusterIP")
    eventually(lambda: lookup(cluster, pods["client-1"], name) == ["one.example."])
    eventually(nobody(inside(cluster, pods["client-1"], ip, 80)))
    made = patch(cluster, "changing", type="NodePort", externalName=None)
    port = made["ports"][0]["nodePort"]
    eventually(lambda: lookup(cluster, pods["client-1"], name) == [made["clusterIP"]])
    eventually(lambda: answers(inside(cluster, pods["client-1"], made["clusterIP"], 80)) != "")
    eventually(lambda: answers(host("127.0.0.1", port)) != "")
    patch(cluster, "changing", **outer)
    eventually(nobody(host("127.0.0.1", port)))


def test_ports_of_the_host(cluster: ForkedCluster, pods: Pods) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ports = [
        {"containerPort": HTTP, "hostPort": port},
        {"containerPort": ECHO, "hostPort": port, "protocol": "UDP"},
    ]
    pod(cluster, "hosted", "hosted", {"ports": ports}, nodeName="node-2")
    eventually(lambda: answers(host("127.0.0.1", port)) == "hosted")
    near, far = (node_address(cluster, n) for n in ("node-2", "node-1"))
    assert answers(inside(cluster, pods["client-1"], near, port)) == "hosted"
    assert refused(inside(cluster, pods["client-1"], far, port))
    eventually(lambda: answers(inside(cluster, "", "127.0.0.1", port)) == "hosted")  # for pods on the host's network
    eventually(lambda: asked_by_udp(cluster.socket(pods["client-1"], socket.SOCK_DGRAM), near, port) == "hosted")
    cluster.client.delete("pods", "hosted", "default")
    eventually(nobody(host("127.0.0.1", port)))


def test_both_families_are_one(cluster: ForkedCluster, pods: Pods) -> None:
    made = cluster.service("families", "web", ipFamilyPolicy="PreferDualStack")
    assert made["ipFamilies"] == ["IPv4"]
    eventually(lambda: answers(inside(cluster, pods["client-1"], made["clusterIP"], 80)) != "")
    with pytest.raises(ApiError, match="ipFamilyPolicy"):
        cluster.service("families-2", "web", ipFamilyPolicy="RequireDualStack")


def test_sctp_is_refused_plainly(cluster: ForkedCluster, pods: Pods) -> None:
    ports = [{"name": "s", "port": 132, "protocol": "SCTP"}, {"name": "t", "port": 80, "targetPort": HTTP}]
    made = cluster.service("sctp", "web", ports=ports)
    eventually(lambda: answers(inside(cluster, pods["client-1"], made["clusterIP"], 80)) != "")

    def told() -> bool:
        events = cluster.client.list("events", "default")["items"]
        return any(e["reason"] == "UnsupportedProtocol" and "132/SCTP" in e["message"] for e in events)

    eventually(told)


def test_clients_that_say_nothing_keep_nobody_waiting(cluster: ForkedCluster, pods: Pods) -> None:
    made = cluster.service("patient", "web", type="NodePort")
    connect = host("127.0.0.1", made["ports"][0]["nodePort"])
    eventually(lambda: answers(connect) != "")
    with contextlib.ExitStack() as stack:
        for i in range(200):
            silent = stack.enter_context(connect())
            silent.sendall(b"GET /hostname HTTP/1.1\r\nHost: web\r\nX: "[: i % 40])
        assert all_answers(connect, 20) <= {"one", "two"}
    assert answers(connect) != ""
