"""Pods of the sandbox runtime in the cluster network: what their containers share, and what becomes of them when a part
of it is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from minikctl.runtime.interface import LOCALHOST, NOT_READY, READY, RuntimeFailure, SandboxConfig, Security
from minikctl.runtime.network.addresses import node_address
from minikctl.runtime.network.client import ClusterNetwork
from minikctl.runtime.sandbox import bwrap
from tests.runtime.conftest import Node, processes_of, until
from tests.runtime.test_sandbox_runtime import close, in_a_node, open_node, said
from tests.support.network import cluster_network
from tests.support.ordinary_user import as_ordinary_user, open_folder

LISTEN = (
    "import socket; s = socket.create_server(('{}', {})); c, a = s.accept(); c.send(a[0].encode() + b'!'); print(a[0])"
)
DIAL = "import socket; s = socket.create_connection(('{}', {}), 5); print(s.recv(99).decode())"


@pytest.fixture
def network(tmp_path: Path) -> Iterator[ClusterNetwork]:
    if refused := bwrap.probe(tmp_path / "probe"):
        pytest.skip(f"no sandbox on this machine: {refused}")
    with cluster_network(tmp_path) as made:
        if made is None:
            pytest.skip("this machine allows no network namespaces")
        yield made


@pytest.fixture
def node(network: ClusterNetwork, tmp_path: Path) -> Iterator[Node]:
    made = open_node(tmp_path)
    yield made
    close(made)


def pod(node: Node, uid: str, **more: object) -> None:
    """The pod in which the next containers of this node are."""
    node.sandbox = node.runtime.run_pod_sandbox(SandboxConfig(uid, uid, "default", uid, **more))  # type: ignore[arg-type]


def listens(node: Node, container: str, port: int) -> None:
    def is_there() -> bool:
        assert node.status(container).is_running, node.log(container)
        table = node.runtime.exec_sync(container, ["cat", "/proc/net/tcp"], 5).output.decode()
        return f":{port:04X} 00000000:0000 0A" in table

    until(is_there, f"it listens: {node.log(container)}")


def check_addresses(node: Node, image: str = "python") -> None:
    """Each its own address and port 80; a neighbour is reached by its address, one's own containers by localhost."""
    pod(node, "one")
    server = node.run("python3", "-c", LISTEN.format("0.0.0.0", 80), image=image)
    first = node.sandbox
    assert first is not None and first.ip == "10.244.1.2"
    listens(node, server, 80)
    pod(node, "two")
    assert said(node, f'python3 -c "{DIAL.format(first.ip, 80)}"') == ["10.244.1.3!"]
    assert node.ended(server).exit_code == 0 and node.log(server) == ["stdout F 10.244.1.3"]
    neighbour = node.run("python3", "-c", LISTEN.format("127.0.0.1", 8080), image=image, name="server")
    listens(node, neighbour, 8080)
    assert said(node, f'python3 -c "{DIAL.format("127.0.0.1", 8080)}"', name="client") == ["127.0.0.1!"]


def test_addresses(node: Node) -> None:
    check_addresses(node)


def test_addresses_of_an_ordinary_users_pods(node: Node) -> None:
    if not any(os.path.exists(f"{place}/python3") for place in ("/usr/bin", "/usr/local/bin")):
        pytest.skip("this machine's only Python is out of reach for other users")

    def check(other: Node) -> None:
        check_addresses(other, "busybox")

    with open_folder() as own:
        as_ordinary_user(own, in_a_node(own, check, network=True))


def test_the_kubelets_connections(node: Node) -> None:
    sandbox = node.pod()
    for host, port in (("", 80), (LOCALHOST, 81), (sandbox.ip, 82)):
        bound = "127.0.0.1" if host == LOCALHOST else "0.0.0.0"
        server = node.run("python3", "-c", LISTEN.format(bound, port), image="python", name=f"c{port}")
        listens(node, server, port)
        with node.runtime.dial(sandbox.id, host, port, 5) as connection:
            assert connection.recv(99) == (b"127.0.0.1!" if host == LOCALHOST else b"10.244.1.1!")
    with pytest.raises(ConnectionRefusedError):
        node.runtime.dial(sandbox.id, "", 83, 5)


def test_shared_by_the_containers_of_a_pod(node: Node) -> None:
    node.run("sh", "-c", "echo there >/dev/shm/x; exec sleep 100")
    inside = (
        "until [ -e /dev/shm/x ]; do sleep 0.01; done; cat /dev/shm/x; hostname; cat /proc/[0-9]*/comm | grep -c sleep"
    )
    assert said(node, inside, name="two") == ["there", "web", "0"]
    pod(node, "other")
    assert said(node, "ls /dev/shm | cat") == []


def check_shared_processes(node: Node) -> None:
    pod(node, "shared", share_processes=True)
    one = node.run("sleep", "1234", name="one")
    user = node.run("sh", "-c", "id -u; exec sleep 4321", name="user", security=Security(user=1000))
    until(lambda: node.log(user) == ["stdout F 1000"])
    seen = node.runtime.exec_sync(one, ["sh", "-c", "tr '\\0' ' ' </proc/1/cmdline; cat /proc/[0-9]*/cmdline"], 5)
    assert seen.output.startswith(b"/pause ") and b"1234" in seen.output and b"4321" in seen.output
    script = "for p in /proc/[0-9]*; do grep -q 1234 $p/cmdline && kill -9 ${p#/proc/}; done"
    node.run("sh", "-c", script, name="killer")
    assert node.ended(one).exit_code == 137
    node.runtime.stop_container(user, 30)  # it is not process 1: the signal ends it without a handler
    assert node.ended(user).exit_code == 143


def test_shared_processes(node: Node) -> None:
    check_shared_processes(node)


def test_shared_processes_of_an_ordinary_user(node: Node) -> None:
    with open_folder() as own:
        as_ordinary_user(own, in_a_node(own, check_shared_processes, network=True))


def check_exec_of_other_users(node: Node) -> None:
    """The namespaces of the pod belong to its users, the container's files to its own."""
    for shared in (False, True):
        pod(node, f"pod-{shared}", share_processes=shared)
        for number, security in enumerate((Security(), Security(user=1000), Security(user=1000, group=2000))):
            container = node.run("sh", "-c", "id -u >/tmp/me; exec sleep 100", name=f"c{number}", security=security)
            script = "cat /tmp/me; id -u; id -g; hostname; grep -c eth0 /proc/net/dev"
            node.main(container)
            until(lambda c=container: node.runtime.exec_sync(c, ["cat", "/tmp/me"], 10).output.strip().isdigit())
            done = node.runtime.exec_sync(container, ["sh", "-c", script], 10)
            user, group = security.user or 0, security.group or 0
            assert done.output.decode().split() == [str(user), str(user), str(group), f"pod-{shared}", "1"], done.output


def test_exec_of_other_users(node: Node) -> None:
    check_exec_of_other_users(node)


def test_exec_of_other_users_of_an_ordinary_user(node: Node) -> None:
    with open_folder() as own:
        as_ordinary_user(own, in_a_node(own, check_exec_of_other_users, network=True))


def check_target(node: Node) -> None:
    """As `kubectl debug --target` wants it: the processes of one container and, through them, its files."""
    pod(node, "targeted")
    node.run("sh", "-c", "echo secret >/tmp/mine; exec sleep 101", name="app")
    app = node.run("sleep", "102", name="other")
    node.main(app)
    script = "until cat /proc/1/root/tmp/mine; do sleep 0.01; done 2>/dev/null; tr '\\0' ' ' </proc/1/cmdline"
    assert said(node, f"{script}; echo; grep -l 10[2] /proc/[0-9]*/cmdline", name="debug", target="app") == [
        "secret",
        "sleep 101 ",
    ]
    with pytest.raises(RuntimeFailure, match="unable to find target container none"):
        node.run("true", name="lost", target="none")


def test_a_target(node: Node) -> None:
    check_target(node)


def test_a_target_of_an_ordinary_user(node: Node) -> None:
    with open_folder() as folder:
        as_ordinary_user(folder, in_a_node(folder, check_target, network=True))


def check_sysctls(node: Node) -> None:
    """Of the pod's namespaces alone; what cannot be set fails the pod by name."""
    wanted = {"kernel.shm_rmid_forced": "1", "net.ipv4.ip_local_port_range": "20000 20010"}
    pod(node, "tuned", sysctls=wanted)
    read = "cd /proc/sys; cat kernel/shm_rmid_forced net/ipv4/ip_local_port_range"
    assert said(node, read) == ["1", "20000\t20010"]
    pod(node, "plain")
    assert said(node, read)[0] == Path("/proc/sys/kernel/shm_rmid_forced").read_text().strip()
    with pytest.raises(RuntimeFailure, match=r"sysctl net.ipv4.no_such_thing cannot be set to '1': No such file"):
        pod(node, "wrong", sysctls={"net.ipv4.no_such_thing": "1"})


def test_sysctls(node: Node) -> None:
    check_sysctls(node)


def test_sysctls_of_an_ordinary_user(node: Node) -> None:
    with open_folder() as folder:
        as_ordinary_user(folder, in_a_node(folder, check_sysctls, network=True))


def test_on_the_nodes_network(node: Node) -> None:
    pod(node, "daemon", host_network=True)
    server = node.run("python3", "-c", LISTEN.format(node_address(1), 80), image="python")
    assert node.sandbox is not None and node.sandbox.ip == ""
    listens(node, server, 80)
    assert said(node, "hostname", name="name") == ["node-1"]
    pod(node, "other")
    assert said(node, f'python3 -c "{DIAL.format(node_address(1), 80)}"') == ["10.244.1.2!"]


def test_another_agent_finds_the_pods(node: Node, network: ClusterNetwork) -> None:
    container = node.run("sleep", "100")
    node.main(container)
    node.runtime.stop()
    later = open_node(node.state)
    sandbox = later.sandbox
    assert sandbox is not None and sandbox.state == READY and list(network.pods()) == [sandbox.id]
    assert later.runtime.exec_sync(container, ["hostname"], 5).output == b"web\n"
    later.sandbox = None
    assert later.pod("u2").ip == "10.244.1.3"
    later.runtime.remove_pod_sandbox(sandbox.id)
    assert list(network.pods()) == [later.sandbox.id]  # type: ignore[attr-defined]
    later.runtime.stop()


def test_a_lost_pod(node: Node, network: ClusterNetwork) -> None:
    container = node.run("sleep", "100")
    sandbox = node.sandbox
    assert sandbox is not None
    until(lambda: node.runtime.exec_sync(container, ["true"], 5).exit_code == 0)
    os.kill(network.pods()[sandbox.id], signal.SIGKILL)
    assert node.ended(container).exit_code == 137 and sandbox.uid in node.told
    found = node.runtime.pod_state(sandbox.uid).sandbox
    assert found is not None and found.state == NOT_READY
    until(lambda: processes_of(node.state) == [])
    node.runtime.run_pod_sandbox(SandboxConfig(sandbox.uid, "web", "default", "web", attempt=1))
    assert len(network.pods()) == 1


def test_a_pod_that_was_lost_while_no_agent_ran(node: Node, network: ClusterNetwork) -> None:
    container = node.run("sleep", "100")
    until(lambda: node.runtime.exec_sync(container, ["true"], 5).exit_code == 0)
    assert node.sandbox is not None
    node.runtime.stop()
    network.remove_pod(node.sandbox.id)
    later = open_node(node.state)
    assert later.sandbox is not None and later.sandbox.state == NOT_READY
    assert later.ended(container).exit_code == 137
    later.runtime.stop()


def test_a_pod_that_is_lost_while_a_container_starts(node: Node, network: ClusterNetwork) -> None:
    container = node.run("true", start=False)
    assert node.sandbox is not None
    os.kill(network.pods()[node.sandbox.id], signal.SIGKILL)
    node.runtime.start_container(container)
    ended = node.ended(container)
    assert (ended.exit_code, ended.reason) in ((128, "StartError"), (137, "Error")), ended


def test_nothing_is_left_of_a_removed_pod(node: Node, network: ClusterNetwork) -> None:
    container = node.run("sleep", "100")
    node.main(container)
    assert node.sandbox is not None
    node.runtime.remove_pod_sandbox(node.sandbox.id)
    assert network.pods() == {} and processes_of(node.state) == []
    assert list((node.state / "pods").iterdir()) == []
