"""The cluster network itself: addresses, sockets, pods, and what is left of it. As root and as an ordinary user."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from minikctl.runtime.network import pause
from minikctl.runtime.network.addresses import CONTROL_PLANE, gateway, node_address, pod_range
from minikctl.runtime.network.client import ClusterNetwork, NetworkFailure
from minikctl.runtime.network.pod import Pod
from tests.runtime.conftest import until
from tests.support.network import cluster_network, fork_holder
from tests.support.ordinary_user import as_ordinary_user, open_folder

ONE, TWO = "1" * 64, "2" * 64
GATEWAY = "10.244.1.1"


@pytest.fixture
def network(tmp_path: Path) -> Iterator[ClusterNetwork]:
    with cluster_network(tmp_path) as made:
        if made is None:
            pytest.skip("this machine allows no network namespaces")
        made.add_address(GATEWAY)
        yield made


def pod(sandbox: str = ONE, ip: str = "10.244.1.2", **more: object) -> Pod:
    return Pod(sandbox, ip, GATEWAY, "web", **more)  # type: ignore[arg-type]


def namespace(pid: int, kind: str) -> str:
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def listening(sock: socket.socket, address: str, port: int = 80) -> socket.socket:
    sock.settimeout(5)
    sock.bind((address, port))
    sock.listen()
    return sock


def connected(sock: socket.socket, address: str, port: int = 80) -> socket.socket:
    sock.settimeout(5)
    sock.connect((address, port))
    return sock


def hears(listener: socket.socket, client: socket.socket) -> str:
    """The address from which the client was seen to come."""
    server, (peer, _) = listener.accept()
    with server, client:
        server.sendall(b"hello")
        assert client.recv(10) == b"hello"
    return str(peer)


def check_pods(network: ClusterNetwork) -> None:
    """Both on port 80; to each other, to itself by its own address, from the node; the loopback is private."""
    first, second = network.add_pod(pod()), network.add_pod(pod(TWO, "10.244.1.3"))
    assert dict(network.pods()) == {ONE: first, TWO: second}
    kinds = {kind: {namespace(p, kind) for p in (first, second, network.pid)} for kind in ("net", "ipc", "uts")}
    assert all(len(found) == 3 for found in kinds.values())
    with (
        listening(network.pod_socket(ONE), "0.0.0.0") as one,
        listening(network.pod_socket(TWO), "0.0.0.0"),
        listening(network.pod_socket(TWO), "127.0.0.1", 81),
    ):
        assert hears(one, connected(network.pod_socket(TWO), "10.244.1.2")) == "10.244.1.3"
        assert hears(one, connected(network.pod_socket(ONE), "10.244.1.2")) == "10.244.1.2"
        assert hears(one, connected(network.pod_socket(ONE), "127.0.0.1")) == "127.0.0.1"
        assert hears(one, connected(network.socket(), "10.244.1.2")) == GATEWAY
        for stranger, address in ((network.pod_socket(ONE), "127.0.0.1"), (network.socket(), "10.244.1.3")):
            with stranger, pytest.raises(ConnectionRefusedError):
                connected(stranger, address, 81)
    network.remove_pod(ONE)
    network.remove_pod(ONE)
    assert list(network.pods()) == [TWO]
    until(lambda: not os.path.exists(f"/proc/{first}"))
    with pytest.raises(NetworkFailure, match="the pod has no network"):
        network.pod_socket(ONE)


def test_pods(network: ClusterNetwork) -> None:
    check_pods(network)


def test_an_ordinary_user(network: ClusterNetwork) -> None:
    def check() -> None:
        with cluster_network(folder) as own:
            assert own is not None
            own.add_address(GATEWAY)
            check_pods(own)
            assert namespace(own.pid, "user") != namespace(os.getpid(), "user")

    with open_folder() as folder:
        as_ordinary_user(folder, check)


def test_udp_and_a_listener_for_pods(network: ClusterNetwork) -> None:
    network.add_pod(pod())
    with network.socket(kind=socket.SOCK_DGRAM) as server, network.pod_socket(ONE, kind=socket.SOCK_DGRAM) as client:
        server.bind((CONTROL_PLANE, 53))
        client.settimeout(5)
        client.sendto(b"who?", (CONTROL_PLANE, 53))
        assert server.recvfrom(10)[0] == b"who?"


def test_shared_processes(network: ClusterNetwork) -> None:
    pid = network.add_pod(pod(share_processes=True))
    assert namespace(pid, "pid") != namespace(os.getpid(), "pid")
    assert Path(f"/proc/{pid}/status").read_text().split("NSpid:\t")[1].splitlines()[0].split()[-1] == "1"


def test_on_the_nodes_network(network: ClusterNetwork) -> None:
    pid = network.add_pod(pod(host_network=True))
    assert namespace(pid, "net") == namespace(network.pid, "net") and namespace(pid, "uts") != namespace(
        network.pid, "uts"
    )


def test_a_process_enters(network: ClusterNetwork) -> None:
    network.add_pod(pod())
    with listening(network.pod_socket(ONE), "0.0.0.0") as server:
        child = os.fork()
        if child == 0:
            try:
                ClusterNetwork.enter(network)
                with socket.create_connection(("10.244.1.2", 80), 5):
                    os._exit(0)
            finally:
                os._exit(1)
        server.accept()[0].close()
        assert os.waitpid(child, 0)[1] == 0


def test_a_pause_process_that_was_killed(network: ClusterNetwork) -> None:
    os.kill(network.add_pod(pod()), signal.SIGKILL)
    until(lambda: not network.pods())
    network.add_pod(pod(TWO))
    with network.pod_socket(TWO) as again:
        again.bind(("10.244.1.2", 80))


def test_many_at_once(network: ClusterNetwork) -> None:
    def add(i: int) -> None:
        network.add_pod(pod(f"{i:02}" * 32, f"10.244.1.{i + 10}"))

    threads = [threading.Thread(target=add, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(set(network.pods().values())) == 20


@pytest.mark.parametrize("line", [b"nonsense", b"[]", b"{}", b'{"do": "fly"}', b'{"do": "add_pod", "pod": {"x": 1}}'])
def test_bad_requests(network: ClusterNetwork, tmp_path: Path, line: bytes) -> None:
    from minikctl.util.sockets import connect_unix

    with connect_unix(tmp_path / "run" / "network.sock", 5) as connection:
        connection.sendall(line + b"\n")
        assert b"not a request" in connection.recv(1000)
    assert network.pods() == {}


def test_a_failure_is_told(network: ClusterNetwork) -> None:
    with pytest.raises(NetworkFailure, match="Invalid argument"):
        network.add_pod(Pod(ONE, "10.244.1.2", "10.99.9.9", "web"))  # a gateway that is not the router's
    assert network.pods() == {}


def test_a_killed_network_takes_its_pods_along_and_another_one_is_found(tmp_path: Path) -> None:
    pid, alive = fork_holder(tmp_path)
    network = ClusterNetwork.open(tmp_path)
    if network is None:
        os.waitpid(pid, 0)
        pytest.skip("this machine allows no network namespaces")
    network.add_address(GATEWAY)
    ended, paused = network.watch(), network.add_pod(pod())
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    until(lambda: not os.path.exists(f"/proc/{paused}"))
    os.close(ended)
    os.close(alive)
    with cluster_network(tmp_path) as again:
        assert again is not None and network.pods() == {} and network.pid == again.pid != pid


def test_an_orphan_ends_with_its_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from minikctl.runtime.network import holder

    monkeypatch.setattr(holder, "LOOK_SECONDS", 0.05)
    pid, alive = fork_holder(tmp_path)
    refused = ClusterNetwork.open(tmp_path) is None
    os.close(alive)
    if not refused:
        assert os.waitpid(pid, os.WNOHANG) == (0, 0)
    (tmp_path / "cluster.json").unlink()
    os.waitpid(pid, 0)


def test_no_network_is_none(tmp_path: Path) -> None:
    assert ClusterNetwork.open(tmp_path) is None


def test_addresses() -> None:
    assert (pod_range(1), pod_range(300)) == ("10.244.1.0/24", "10.245.44.0/24")
    assert gateway(pod_range(3)) == "10.244.3.1"
    assert [node_address(i) for i in (1, 254, 255)] == ["172.18.0.2", "172.18.0.255", "172.18.1.0"]


def test_the_pause_program(tmp_path: Path) -> None:
    installed = pause.install(tmp_path)
    if installed is None:
        pytest.skip("no program for this kind of machine")
    assert len(installed.read_bytes()) < 300 and pause.program("aarch64")[:4] == b"\x7fELF" and not pause.program("vax")
