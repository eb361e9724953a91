"""Both backends in real namespaces, as they serve clients in pods and on the router: the same tests for each."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from minikctl.proxy.nftables import refused
from minikctl.proxy.rules import Endpoint, Target
from tests.proxy import lab as labs
from tests.proxy.lab import Lab, Served
from tests.support.network import cluster_network
from tests.support.waiting import eventually

IP, OTHER = "10.96.0.80", "10.96.0.81"


@pytest.fixture(params=["nftables", "userspace"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    if missing := labs.missing_tools(request.param):
        pytest.skip(missing)
    with cluster_network(labs.state_dir(tmp_path)) as network:
        if network is None:
            pytest.skip("this machine does not let us make network namespaces")
        lab = Lab(network)
        if request.param == "nftables" and (why := refused(labs.SERVICES, lab.nft)):
            pytest.skip(f"nftables does not work here: {why}")
        try:
            with labs.served(lab, request.param) as made:
                yield made
        finally:
            lab.close()


def target(*endpoints: Endpoint, **more: Any) -> Target:
    key = ("Service", "default", "web", "http")
    return Target(key, **{"protocol": "tcp", "cluster_fronts": ((IP, 80),), "endpoints": endpoints, **more})


def test_a_cluster_ip_leads_to_every_endpoint(service: Served) -> None:
    lab = service.lab
    ends = [lab.serve("a", 8080), lab.serve("c", 8081)]
    service.apply(target(*ends))
    assert lab.all_who("b", IP, 80) == {"a", "c"}, "from a pod"
    assert lab.all_who("a", IP, 80) == {"a", "c"}, "from a pod to itself too"
    assert lab.all_who("", IP, 80) == {"a", "c"}, "from the router"


def test_addresses_that_lead_nowhere_refuse(service: Served) -> None:
    lab = service.lab
    end = lab.serve("a", 8080)
    service.apply(target(end))
    assert lab.refused("b", IP, 81), "another port"
    assert lab.refused("b", OTHER, 80), "an address that nobody has"
    service.apply(target(fronts=(("198.51.100.7", 80),)))
    for where in ("b", ""):
        assert lab.refused(where, IP, 80), "a Service without endpoints"
        assert lab.refused(where, "198.51.100.7", 80)
    service.apply(target(end, fronts=(("198.51.100.7", 80),)))
    assert lab.who("b", IP, 80) == lab.who("b", "198.51.100.7", 80) == "a"
    service.apply()
    assert lab.refused("b", IP, 80) and lab.refused("", IP, 80)


def test_an_address_of_others_is_not_taken_from_their_services(service: Served) -> None:
    """An external address that is a pod's, of a Service without endpoints."""
    lab = service.lab
    end = lab.serve("a", 8080)
    thief = Target(("Service", "default", "thief", ""), "tcp", ((OTHER, 8080),), ((end.ip, end.port),))
    service.apply(target(end), thief)
    assert lab.all_who("b", IP, 80, 5) == {"a"} == lab.all_who("", IP, 80, 5)
    assert lab.refused("b", OTHER, 8080)


def test_node_ports_are_open_at_every_node(service: Served) -> None:
    lab = service.lab
    service.apply(target(lab.serve("a", 8080), node_port=30080))
    for where in ("b", "c", ""):
        assert [lab.who(where, ip, 30080) for ip in ("172.18.0.2", "172.18.0.3")] == ["a", "a"]
    assert lab.refused("b", "172.18.0.2", 30081)


def test_a_change_of_endpoints_is_in_force_at_once(service: Served) -> None:
    lab = service.lab
    a, b, c = lab.serve("a", 80), lab.serve("b", 80), lab.serve("c", 80)
    service.apply(target(a, b))
    with lab.socket("c") as old:
        old.connect((IP, 80))
        greeted = old.recv(100).split()[0]
        service.apply(target(c))
        assert lab.all_who("b", IP, 80, 10) == {"c"}
        old.sendall(b"still here\n")
        assert greeted in (b"a", b"b") and old.recv(100) == b"still here\n", "what is connected stays connected"


def test_session_affinity_keeps_a_client_at_its_endpoint(service: Served) -> None:
    lab = service.lab
    ends = [lab.serve(p, 80) for p in "abc"]
    service.apply(target(*ends, affinity=100))
    mine = lab.who("b", IP, 80)
    assert lab.all_who("b", IP, 80, 20) == {mine}
    gone = next(e for e in ends if e.ip == labs.PODS[mine])
    left = [e for e in ends if e != gone]
    service.apply(target(*left, affinity=100))
    then = lab.who("b", IP, 80)
    assert then != mine and lab.all_who("b", IP, 80, 20) == {then}
    service.apply(target(*ends, affinity=100))
    assert lab.all_who("b", IP, 80, 20) == {then}, "endpoints that come change nothing for clients that have one"
    service.apply(target(*ends))
    assert len(lab.all_who("b", IP, 80)) == 3


def test_affinity_ends_after_its_time(service: Served) -> None:
    lab = service.lab
    service.apply(target(*[lab.serve(p, 80) for p in "abc"], affinity=1))
    first = lab.who("b", IP, 80)

    def elsewhere() -> bool:
        threading.Event().wait(1.2)
        return lab.who("b", IP, 80) != first

    eventually(elsewhere, 30)


def test_clients_on_a_node_have_their_own_endpoints(service: Served) -> None:
    lab = service.lab
    a, c = lab.serve("a", 80), lab.serve("c", 80)
    local = (("node-1", (a,)), ("node-2", (c,)))
    service.apply(target(a, c, by_node=local, local_only=True, fronts=(("198.51.100.7", 80),)))
    assert lab.all_who("b", IP, 80, 10) == {"a"} and lab.all_who("c", IP, 80, 10) == {"c"}
    assert lab.all_who("b", "198.51.100.7", 80) == {"a", "c"}, "only the cluster IP is local"
    service.apply(target(a, c, by_node=local[1:], local_only=True))
    assert lab.refused("b", IP, 80) and lab.who("c", IP, 80) == "c"
    service.apply(target(a, c, by_node=local[1:]))
    assert lab.all_who("b", IP, 80) == {"a", "c"} and lab.all_who("c", IP, 80, 10) == {"c"}


def test_udp(service: Served) -> None:
    lab = service.lab
    a, c = lab.serve("a", 5353), lab.serve("c", 5353)
    udp = target(a, protocol="udp", node_port=30053, cluster_fronts=((IP, 53),))
    service.apply(udp)

    def ask(where: str, address: str, port: int, times: int = 1) -> list[str]:
        with lab.socket(where, socket.SOCK_DGRAM) as sock:
            sock.connect((address, port))
            found = []
            for _ in range(times):
                sock.send(b"who")
                found.append(sock.recv(100).decode().split()[0])
            return found

    for where in ("b", "a", ""):
        assert ask(where, IP, 53, 3) == ["a"] * 3
    assert ask("b", "172.18.0.3", 30053) == ["a"]
    service.apply(replace(udp, endpoints=(a, c)))
    assert {ask("b", IP, 53)[0] for _ in range(30)} == {"a", "c"}
    service.apply(target(protocol="udp", cluster_fronts=((IP, 53),)))
    with pytest.raises(ConnectionRefusedError):
        ask("b", IP, 53)


def test_many_bytes_and_half_closed_connections(service: Served) -> None:
    lab = service.lab
    service.apply(target(lab.serve("a", 80)))
    data = bytes(range(256)) * 20_000
    with lab.socket("c") as sock:
        sock.connect((IP, 80))
        sock.recv(100)
        received = bytearray()

        def read() -> None:
            while piece := sock.recv(65536):
                received.extend(piece)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        reader.join(20)
    assert received == data


def test_the_choice_is_even(service: Served) -> None:
    lab = service.lab
    service.apply(target(*[lab.serve(p, 80) for p in "abc"]))
    counts = Counter(lab.who("b", IP, 80) for _ in range(300))
    assert all(60 <= n <= 140 for n in counts.values()), counts
