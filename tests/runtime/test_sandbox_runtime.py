"""The sandbox runtime on real containers: what they see, what they cannot do, as root and as an ordinary user."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from minikctl.runtime.addresses import cluster_range
from minikctl.runtime.interface import Mount, Security, StartFailure
from minikctl.runtime.network.addresses import node_address, pod_range
from minikctl.runtime.network.client import ClusterNetwork
from minikctl.runtime.process import proc
from minikctl.runtime.process.killing import kill_everything
from minikctl.runtime.sandbox import bwrap
from minikctl.runtime.sandbox.runtime import SandboxRuntime
from tests.runtime.conftest import Node, processes_of, until
from tests.support.network import cluster_network
from tests.support.ordinary_user import as_ordinary_user, open_folder


def open_node(state: Path) -> Node:
    """In the cluster network, where there is one."""
    network = ClusterNetwork.open(state)
    if network is None:
        runtime = SandboxRuntime(state, "node-1", cluster_range(str(state), 1))
    else:
        runtime = SandboxRuntime(state, "node-1", pod_range(1), host_ip=node_address(1), network=network)
    node = Node(state, runtime)
    node.runtime.start(node.told.append)
    uids = node.runtime.pod_uids()
    if uids:
        node.sandbox = node.runtime.pod_state(uids[0]).sandbox
    return node


def close(node: Node) -> None:
    node.runtime.stop()
    kill_everything(node.state)
    assert processes_of(node.state) == []


@pytest.fixture(params=["network", "loopback"])
def node(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Node]:
    refused = bwrap.probe(tmp_path / "probe")
    if refused:
        pytest.skip(f"no sandbox on this machine: {refused}")
    if request.param == "loopback":
        made = open_node(tmp_path)
        yield made
        close(made)
        return
    with cluster_network(tmp_path) as network:
        if network is None:
            pytest.skip("this machine allows no network namespaces")
        made = open_node(tmp_path)
        yield made
        close(made)


def said(node: Node, script: str, **more: object) -> list[str]:
    """What a shell in a container puts out."""
    container = node.run("sh", "-c", script, **more)
    node.ended(container)
    return [line.split(" ", 2)[2] for line in node.log(container)]


def host_tree() -> dict[str, tuple[float, int]]:
    """The places on the host that containers' paths are called like."""
    found = {}
    for folder in ("/", "/mnt", "/opt", "/srv", "/etc", "/usr", "/usr/local", "/usr/local/bin", "/var", "/root"):
        entry = os.stat(folder)
        found[folder] = (entry.st_mtime, entry.st_nlink)
    return found


def test_a_root_of_its_own(node: Node) -> None:
    before = host_tree()
    script = "mkdir /mnt/html; touch /usr/local/bin/x /etc/y /root/z /opt/w; ls /mnt /usr/local/bin/x /etc/y /root /opt"
    assert said(node, f"{script} /home | cat") == [
        *("/etc/y", "/usr/local/bin/x", "", "/home:", "", "/mnt:", "html", "", "/opt:", "w", "", "/root:", "z")
    ]
    assert host_tree() == before
    assert said(node, "ls /mnt /root | cat", name="other") == ["/mnt:", "", "/root:"]


def test_what_a_container_sees(node: Node) -> None:
    assert said(node, "hostname; id -u; echo $$ /proc/[0-9]*; pwd") == ["web", "0", "1 /proc/1", "/"]
    assert said(node, "cat /etc/shadow | cut -d: -f1,2 | head -1; ls /etc/ssh", name="secrets")[0] == "root:*"
    names = {line.partition("=")[0] for line in said(node, "env", name="env")}
    address = set() if node.runtime._network else {"POD_IP"}  # type: ignore[attr-defined]
    assert names - {"SHLVL", "_"} == {"PATH", "HOME", "HOSTNAME", "PWD"} | address


@pytest.mark.skipif(shutil.which("bash") is None, reason="the host has no bash")
def test_the_shell_knows_what_busybox_knows(node: Node) -> None:
    assert said(node, "[[ -r /dev/null ]] && echo -e 'a\\tb'; readlink /proc/$$/exe | xargs basename") == [
        "a\tb",
        "bash",
    ]


@pytest.mark.parametrize("place", ["/work/here", "/usr/local/new", "/etc/app"])
def test_a_working_directory_that_is_not_there_is_made(node: Node, place: str) -> None:
    assert said(node, "pwd; touch x && echo written", working_dir=place) == [place, "written"]


def test_volumes_at_any_path(node: Node, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a").write_text("A\n")
    mounts = (Mount(str(data), "/mnt"), Mount(str(data), "/deep/er", read_only=True), Mount(f"{data}/a", "/run/one"))
    script = "cat /mnt/a /run/one; echo B >/mnt/b; cat /deep/er/b; touch /deep/er/c 2>/dev/null || echo refused"
    assert said(node, script, mounts=mounts) == ["A", "A", "B", "refused"]
    assert (data / "b").read_text() == "B\n"


def test_links_lead_nowhere_on_the_host(node: Node, tmp_path: Path) -> None:
    secret, data = tmp_path / "secret", tmp_path / "data"
    secret.write_text("secret")
    data.mkdir()
    (data / "link").symlink_to(secret)
    (data / "up").symlink_to("../../../../../../" + str(secret))
    script = f"cat /d/link /d/up {secret} /proc/1/root{secret} 2>/dev/null; echo over"
    assert said(node, script, mounts=(Mount(str(data), "/d"),)) == ["over"]


def test_other_processes_are_out_of_reach(node: Node) -> None:
    assert said(node, f"kill -9 {os.getpid()} 2>/dev/null || echo nobody there") == ["nobody there"]


def test_python_with_its_own_libraries(node: Node) -> None:
    container = node.run("python3", "-c", "import json, ssl, sqlite3; print(ssl.OPENSSL_VERSION[:7])", image="python")
    assert node.ended(container).exit_code == 0 and node.log(container) == ["stdout F OpenSSL"]


def test_programs_that_are_not_there(node: Node) -> None:
    with pytest.raises(StartFailure, match=r'exec: "nosuch": executable file not found in \$PATH'):
        node.run("nosuch")
    with pytest.raises(StartFailure, match=r'exec: "/bin/nosuch": stat /bin/nosuch: no such file or directory'):
        node.run("/bin/nosuch", name="second")
    with pytest.raises(StartFailure, match=r'exec: "/etc": permission denied'):
        node.run("/etc", name="third")


@pytest.mark.parametrize(
    ("command", "code"), [("exit 3", 3), ("kill -TERM $$; exit 4", 4), ("sh -c 'kill -9 $$'; exit $?", 137)]
)
def test_exit_codes(node: Node, command: str, code: int) -> None:
    assert node.ended(node.run("sh", "-c", command)).exit_code == code


def test_its_first_process_gets_the_signal_and_may_ignore_it(node: Node) -> None:
    polite = node.run(
        "sh", "-c", 'trap "echo bye; exit 0" TERM; echo here; while :; do sleep 0.05; done', name="polite"
    )
    deaf = node.run("sleep", "100", name="deaf")
    until(lambda: node.log(polite))
    node.runtime.stop_container(polite, 30)
    node.runtime.stop_container(deaf, 0.3)
    assert node.ended(polite).exit_code == 0 and node.log(polite)[-1] == "stdout F bye"
    assert node.ended(deaf).exit_code == 137  # process 1 without a handler, as in every container


def test_a_signal_waits_for_its_handler(node: Node) -> None:
    script = "sleep 0.2; trap 'echo heard; exit 0' TERM; while :; do sleep 0.02; done"
    container = node.run("sh", "-c", script)
    node.runtime.stop_container(container, 30)
    assert node.ended(container).exit_code == 0 and node.log(container) == ["stdout F heard"]


def test_exec_joins(node: Node) -> None:
    container = node.run("sh", "-c", "cd /tmp; touch mine; exec sleep 100")
    until(lambda: node.runtime.exec_sync(container, ["ls", "/tmp"], 5).output == b"mine\n")
    assert node.runtime.exec_sync(
        container, ["sh", "-c", "hostname; tr '\\0' ' ' </proc/1/cmdline; exit 5"], 5
    ).output == (b"web\nsleep 100 ")
    session = node.runtime.exec(container, ["cat"], stdin=True, tty=False)
    session.write(b"over the fence\n")
    session.close_stdin()
    assert session.read() == (1, b"over the fence\n")
    session.close()
    with pytest.raises(StartFailure, match="executable file not found"):
        node.runtime.exec(container, ["nosuch"], stdin=False, tty=False)


@pytest.mark.parametrize("tty", [False, True])
def test_exec_has_the_variables_of_the_container_alone(node: Node, tty: bool) -> None:
    container = node.run("sleep", "100")
    session = node.runtime.exec(container, ["/usr/bin/env"], stdin=tty, tty=tty)
    out = b""
    while (part := session.read()) is not None:
        out += part[1]
    assert b"PATH=" in out and b"PWD=" not in out  # a folder of the host's


def test_more_variables_than_bubblewrap_takes_arguments(node: Node) -> None:
    """As in a namespace of a thousand Services."""
    many = [(f"S{i}_SERVICE_HOST", "10.96.0.1") for i in range(4000)]
    special = [("PATH", "/usr/bin:/bin:/mine"), ("LD_LIBRARY_PATH", "/nowhere"), ("PWD", "/mine"), ("ENV", "/mine")]
    script = "env | grep -c _SERVICE_HOST=; env | grep -v _SERVICE_HOST= | cut -d= -f1 | sort | tr '\\n' ' '; echo; echo $PATH"
    few = node.run("sh", "-c", script, image="busybox", env=tuple(special), name="few")
    assert node.ended(few).exit_code == 0
    container = node.run("sh", "-c", script, image="busybox", env=(*many, *special), name="many")
    assert node.ended(container).exit_code == 0
    lines = [line.split(" ", 2)[2] for line in node.log(container)]
    assert lines[0] == "4000" and lines[2] == "/usr/bin:/bin:/mine"
    assert lines[1:] == [line.split(" ", 2)[2] for line in node.log(few)][1:], "and nothing of ours"


def test_a_terminal(node: Node) -> None:
    container = node.run("sleep", "100")
    session = node.runtime.exec(container, ["sh", "-c", "stty size; [ -t 0 ] && echo terminal"], stdin=True, tty=True)
    out = b""
    while (part := session.read()) is not None:
        out += part[1]
    assert b"terminal" in out and session.exit_code() == 0


def test_security(node: Node) -> None:
    script = "id -u; id -G; touch /x 2>/dev/null || echo read-only; touch /usr/x 2>/dev/null || echo too"
    assert said(node, script, security=Security(user=1000, group=1000, read_only_root=True)) == [
        *("1000", "1000", "read-only", "too")
    ]
    none = said(node, "grep CapEff /proc/self/status", name="none", security=Security(drop_capabilities=("ALL",)))
    other = Security(user=7, no_new_privileges=True, drop_capabilities=("ALL",))
    assert said(node, "id -u; grep CapBnd /proc/self/status", name="other", security=other)[0] == "7"
    assert none == ["CapEff:\t0000000000000000"]
    locked = Security(no_new_privileges=True)
    assert said(node, "grep NoNewPrivs /proc/self/status", name="locked", security=locked) == ["NoNewPrivs:\t1"]


def test_exec_has_no_more_rights_than_the_container(node: Node) -> None:
    container = node.run("sleep", "100")
    own = node.runtime.exec_sync(container, ["sh", "-c", "grep CapEff /proc/self/status; cat /proc/1/status"], 5).output
    found = [line.split()[1] for line in own.decode().splitlines() if line.startswith("CapEff")]
    assert found[0] == found[1]


def test_the_agent_comes_back(node: Node) -> None:
    container = node.run("sh", "-c", "sleep 0.3; exit 9")
    lasting = node.run("sleep", "100", name="lasting")
    node.main(container), node.main(lasting)
    node.runtime.stop()
    later = open_node(node.state)
    assert later.ended(container).exit_code == 9
    assert later.status(lasting).state == "RUNNING"
    os.kill(until(lambda: node.main(lasting)).pid, signal.SIGKILL)  # type: ignore[attr-defined]
    assert later.ended(lasting).exit_code == 137
    later.runtime.stop()


@pytest.mark.parametrize("tty", [False, True])
def test_a_container_that_never_began(node: Node, tmp_path: Path, tty: bool) -> None:
    """Its volume is taken away in the meantime: that is not an exit code of its own."""
    (tmp_path / "volume").mkdir()
    mounts = (Mount(str(tmp_path / "volume"), "/data"),)
    container = node.run("true", start=False, mounts=mounts, tty=tty, stdin=tty)
    (tmp_path / "volume").rmdir()
    node.runtime.start_container(container)
    ended = node.ended(container)
    assert (ended.exit_code, ended.reason, ended.started_at) == (128, "StartError", None)
    why = f"bwrap: Can't find source path {tmp_path}/volume: No such file or directory"
    assert ended.message == f"failed to create task: unable to start container process: {why}"
    assert node.ended(node.run("sh", "-c", "exit 1", name="own", tty=tty, stdin=tty)).reason == "Error"


def test_a_killed_watchman_takes_the_container_along(node: Node) -> None:
    container = node.run("sh", "-c", "sleep 1000 & sleep 1000")
    folder = node.runtime._folder.container("u1", "app", 0)
    shim = until(lambda: folder.process("shim"))
    until(lambda: len(proc.descendants([shim.pid], proc.everything())) >= 3)  # type: ignore[attr-defined]
    os.kill(shim.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    node.ended(container)
    paused = node.runtime._network is not None  # type: ignore[attr-defined]
    until(lambda: len(processes_of(node.state)) == paused)


def in_a_node(folder: Path, check: Callable[[Node], None], *, network: bool) -> Callable[[], None]:
    def run() -> None:
        refused = bwrap.probe(folder / "probe")
        assert not refused, refused
        with cluster_network(folder) if network else contextlib.nullcontext():
            made = open_node(folder)
            try:
                check(made)
            finally:
                close(made)

    return run


def test_an_ordinary_user(node: Node) -> None:
    def check(own: Node) -> None:
        script = "id -u; mkdir /mnt/html && chown 33:33 /mnt/html && echo done; touch /usr/local/bin/x && echo written"
        assert said(own, script) == ["0", "done", "written"]
        assert said(own, "id -u", name="user", security=Security(user=1000)) == ["1000"]
        lasting = own.run("sleep", "100", name="lasting")
        assert own.runtime.exec_sync(lasting, ["id", "-u"], 5).output == b"0\n"

    with open_folder() as own:
        as_ordinary_user(own, in_a_node(own, check, network=node.runtime._network is not None))  # type: ignore[attr-defined]


def test_variables_that_a_shell_could_not_use(node: Node) -> None:
    """They go on to what it runs, as from the shells of the images."""
    found = said(node, "env", env=(("data-1", "one"), ("p.x", "two"), ("plain", "three")))
    assert {"data-1=one", "p.x=two", "plain=three"} <= set(found)
