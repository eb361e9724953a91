"""NetworkPolicies and the way out on real packets: pods of the lab, nftables of its router."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from minikctl.api.meta import Obj
from minikctl.api.policy.network import compile_policies, dns_peer
from minikctl.proxy import egress
from minikctl.proxy.policy import table
from minikctl.proxy.policy.table import Rendered
from minikctl.proxy.rules import Endpoint, Target
from minikctl.runtime.network.addresses import CONTROL_PLANE
from tests.proxy import lab as labs
from tests.proxy.lab import PODS, Lab, Served
from tests.support.forked_cluster import import_for_others
from tests.support.network import cluster_network
from tests.support.ordinary_user import as_ordinary_user, open_folder

SERVICE = "10.96.0.80"
NAMESPACES = [{"metadata": {"name": "default", "labels": {"kubernetes.io/metadata.name": "default"}}}]


class Policies:
    """The lab's pods, each with the label `app: <its name>`, and what policies make of them."""

    def __init__(self, lab: Lab):
        self.lab = lab
        self._rendered = Rendered()
        for text in table.fresh(self._rendered):
            lab.nft(text, ["-f", "-"])

    def apply(self, *specs: Obj) -> None:
        pods = [
            {
                "metadata": {"name": n, "namespace": "default", "labels": {"app": n}},
                "spec": {"containers": [{"name": "main", "ports": [{"name": "web", "containerPort": 80}]}]},
                "status": {"podIP": ip},
            }
            for n, ip in PODS.items()
        ]
        policies = [{"metadata": {"name": f"p{i}", "namespace": "default"}, "spec": s} for i, s in enumerate(specs)]
        wanted = table.render(compile_policies(policies, pods, NAMESPACES, [dns_peer(CONTROL_PLANE)]))
        for text in table.chunks(table.changes(self._rendered, wanted)):
            self.lab.nft(text, ["-f", "-"])
        self._rendered = wanted


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The lab with programs on ports 80 and 81 of each pod, behind a Service."""
    if missing := labs.missing_tools("nftables"):
        pytest.skip(missing)
    with cluster_network(labs.state_dir(tmp_path_factory.mktemp("policy"))) as network:
        if network is None:
            pytest.skip("this machine does not let us make network namespaces")
        lab = Lab(network)
        try:
            with labs.served(lab, "nftables") as made:
                for pod in PODS:
                    lab.serve(pod, 80)
                    lab.serve(pod, 81)
                key = ("Service", "default", "web", "")
                made.apply(Target(key, "tcp", ((SERVICE, 80),), endpoints=(Endpoint(PODS["b"], 80, "node-1"),)))
                yield made
        finally:
            lab.close()


@pytest.fixture
def policies(served: Served) -> Iterator[Policies]:
    yield Policies(served.lab)
    served.lab.nft(table.REMOVE, ["-f", "-"])


def reaches(lab: Lab, source: str, address: str, port: int = 80) -> bool:
    """Whether a connection is made; one that is dropped is given up soon."""
    with lab.socket(source) as sock:
        sock.settimeout(0.25)
        with contextlib.suppress(TimeoutError):
            sock.connect((address, port))
            sock.settimeout(5)
            return bool(sock.recv(100))
    return False


def selects(app: str) -> Obj:
    return {"podSelector": {"matchLabels": {"app": app}}}


def test_without_policies_everything_passes(policies: Policies) -> None:
    policies.apply()
    assert all(reaches(policies.lab, s, PODS[d], p) for s in PODS for d in PODS for p in (80, 81))


def test_default_deny_and_what_is_always_allowed(policies: Policies) -> None:
    lab = policies.lab
    policies.apply({"podSelector": {}, "policyTypes": ["Ingress"]})
    assert not reaches(lab, "a", PODS["b"])
    assert not reaches(lab, "c", PODS["b"])
    assert not reaches(lab, "a", SERVICE)
    assert reaches(lab, "b", PODS["b"])  # itself
    assert reaches(lab, "b", SERVICE)  # itself, through its Service
    assert reaches(lab, "", PODS["b"])  # its node: probes
    policies.apply()
    assert reaches(lab, "a", PODS["b"])


def test_peers_and_ports(policies: Policies) -> None:
    lab = policies.lab
    policies.apply({**selects("b"), "ingress": [{"from": [selects("a")], "ports": [{"port": "web"}]}]})
    assert reaches(lab, "a", PODS["b"])
    assert reaches(lab, "a", SERVICE)
    assert not reaches(lab, "a", PODS["b"], 81)
    assert not reaches(lab, "c", PODS["b"])
    assert reaches(lab, "b", PODS["c"])  # replies come back to an isolated pod
    policies.apply({**selects("b"), "ingress": [{"from": [selects("c")], "ports": [{"port": 80, "endPort": 90}]}]})
    assert not reaches(lab, "a", PODS["b"])
    assert reaches(lab, "c", PODS["b"], 81)


def test_blocks(policies: Policies) -> None:
    block = {"cidr": "10.244.1.0/24", "except": [f"{PODS['b']}/32"]}
    policies.apply({**selects("c"), "ingress": [{"from": [{"ipBlock": block}]}]})
    assert reaches(policies.lab, "a", PODS["c"])
    assert not reaches(policies.lab, "b", PODS["c"])


def test_the_way_out_of_a_pod(policies: Policies) -> None:
    lab = policies.lab
    policies.apply({**selects("a"), "policyTypes": ["Egress"], "egress": [{"to": [selects("b")]}]})
    assert reaches(lab, "a", PODS["b"])
    assert reaches(lab, "a", SERVICE)
    assert not reaches(lab, "a", PODS["c"])
    assert reaches(lab, "c", PODS["a"])  # it may be spoken to, and answer


def test_as_an_ordinary_user() -> None:
    if missing := labs.missing_tools("nftables"):
        pytest.skip(missing)

    def check(folder: Path) -> None:
        with cluster_network(labs.state_dir(folder)) as network:
            if network is None:
                return
            lab = Lab(network)
            try:
                for pod in PODS:
                    lab.serve(pod, 80)
                policies = Policies(lab)
                policies.apply({**selects("b"), "ingress": [{"from": [selects("a")], "ports": [{"port": 80}]}]})
                assert reaches(lab, "a", PODS["b"])
                assert not reaches(lab, "c", PODS["b"])
                policies.apply()
                assert reaches(lab, "c", PODS["b"])
            finally:
                lab.close()

    import_for_others()
    with open_folder() as folder:
        as_ordinary_user(folder, partial(check, folder))


def test_connections_that_stand_go_on(policies: Policies) -> None:
    lab = policies.lab
    with lab.socket("a") as sock:
        sock.connect((PODS["b"], 80))
        assert sock.recv(100)
        policies.apply({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
        sock.sendall(b"still there?")
        assert sock.recv(100) == b"still there?"


# ---------------------------------------------------------------------- what is on the router, and outside


@pytest.fixture
def way_out(served: Served) -> Iterator[str]:
    """The relay for connections that leave the cluster; sockets of the host are this process' own."""
    listener = served.lab.network.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setblocking(False)
    listener.bind((CONTROL_PLANE, egress.PORT))
    listener.listen(16)
    relay, inside = served.relay, served.relay.dial

    def dial(endpoint: Endpoint, protocol: str) -> socket.socket:
        if endpoint.ip.startswith("10."):
            return inside(endpoint, protocol)
        sock = socket.socket()
        sock.setblocking(False)
        return sock

    relay.dial = dial
    served.lab.nft(egress.rules(CONTROL_PLANE, table.CLUSTER), ["-f", "-"])
    relay.call(lambda: relay.add_front("egress", egress.EgressFront(relay, listener)))
    yield egress.HOST_ADDRESS
    relay.call(lambda: relay.drop_front("egress"))
    served.lab.nft(f"delete table ip {egress.TABLE}\n", ["-f", "-"])
    relay.dial = inside


@pytest.fixture
def on_host() -> Iterator[int]:
    """The port of a program on the host's loopback."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                with client:
                    client.sendall(b"the host")

    threading.Thread(target=answer, daemon=True).start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def test_the_host_is_reached_at_its_address_only(served: Served, way_out: str, on_host: int) -> None:
    assert reaches(served.lab, "a", way_out, on_host)
    with served.lab.socket("a") as sock, pytest.raises(ConnectionError):
        sock.connect(("127.0.0.1", on_host))
    with served.lab.socket("a") as sock, pytest.raises(ConnectionError):
        sock.connect((way_out, 1))
        if not sock.recv(10):
            raise ConnectionResetError


def test_what_is_not_tcp_is_refused_at_once(served: Served, way_out: str) -> None:
    with served.lab.socket("a", socket.SOCK_DGRAM) as sock:
        sock.connect(("192.0.2.1", 53))
        sock.send(b"is anybody there?")
        with pytest.raises(ConnectionRefusedError):
            sock.recv(10)
    with served.lab.socket("a", socket.SOCK_DGRAM) as sock:
        sock.connect((PODS["b"], 80))
        sock.send(b"who")
        assert sock.recv(100).startswith(b"b ")


def test_policies_hold_for_the_way_out(policies: Policies, way_out: str, on_host: int) -> None:
    lab = policies.lab
    policies.apply({**selects("a"), "policyTypes": ["Egress"], "egress": [{"to": [{"podSelector": {}}]}]})
    assert not reaches(lab, "a", way_out, on_host)
    assert reaches(lab, "b", way_out, on_host)
    to_host = {"to": [{"ipBlock": {"cidr": f"{way_out}/32"}}], "ports": [{"port": on_host}]}
    policies.apply({**selects("a"), "policyTypes": ["Egress"], "egress": [to_host]})
    assert reaches(lab, "a", way_out, on_host)
    assert not reaches(lab, "a", PODS["b"])


def test_the_usual_rule_for_dns(policies: Policies) -> None:
    """Pods reach the cluster's DNS on the control plane's address, and nothing else there."""
    lab = policies.lab
    to_dns = {
        "to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}],
        "ports": [{"port": 53}, {"port": 53, "protocol": "UDP"}],
    }
    with lab.network.socket() as dns, lab.network.socket() as api:
        for sock, port in ((dns, 53), (api, 6443)):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((CONTROL_PLANE, port))
            sock.listen(8)
        policies.apply({**selects("a"), "policyTypes": ["Egress"]})
        assert not connects(lab, "a", 53)
        NAMESPACES.append({"metadata": {"name": "kube-system", "labels": {}}})
        try:
            policies.apply({**selects("a"), "policyTypes": ["Egress"], "egress": [to_dns]})
        finally:
            NAMESPACES.pop()
        assert connects(lab, "a", 53)
        assert not connects(lab, "a", 6443)
        assert connects(lab, "b", 6443)


def connects(lab: Lab, source: str, port: int) -> bool:
    with lab.socket(source) as sock:
        sock.settimeout(0.25)
        try:
            sock.connect((CONTROL_PLANE, port))
        except TimeoutError:
            return False
        return True
