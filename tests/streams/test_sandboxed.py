"""What only pods with a sandbox and a network of their own can do, through every door."""

from __future__ import annotations

import socket

import pytest

from tests.streams.conftest import Cluster, Program
from tests.streams.test_port_forward import local
from tests.support.waiting import eventually

PROMPT = r"[#$] "
SERVER = """
import socket, sys
s = socket.create_server((sys.argv[1], 80))
print('listening', flush=True)
while True:
    c, a = s.accept()
    c.sendall(sys.argv[2].encode() + b' ' + socket.gethostname().encode() + b'\\n')
    c.close()
"""


@pytest.fixture
def sandboxed(cluster: Cluster) -> Cluster:
    node = cluster.client.get("nodes", "node-1")
    if not node["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("minikctl-sandbox"):
        pytest.skip("this machine allows no sandboxes")
    if cluster.client.get("pods", "web", "default")["status"]["podIP"].startswith("127."):
        pytest.skip("this machine allows no network namespaces")
    return cluster


def answer(port: int) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=15) as connection, connection.makefile() as f:
        return f.readline()


def test_the_same_port_of_two_pods(sandboxed: Cluster, program: Program) -> None:
    """port-forward speaks to the pod's own localhost, whatever the machine and other pods have there."""
    names = [f"{n}-{program.name}" for n in ("everywhere", "loopback")]
    for name, address in zip(names, ("0.0.0.0", "127.0.0.1"), strict=True):
        sandboxed.create(name, "python3", "-c", SERVER, address, "hello", image="python")
    sandboxed.running(*names)
    for name in names:
        sandboxed.said(name, "listening")
        with program.running("port-forward", name, ":80") as forwarding:
            port = local(forwarding.until("-> 80\n"), 80)
            assert [answer(port) for _ in range(3)] == [f"hello {name}\n"] * 3


def test_a_session_of_ones_own(sandboxed: Cluster, program: Program) -> None:
    """A real terminal: job control, its own process numbers, and nothing of the host's."""
    with program.terminal("exec", "-it", "web", "--", "sh") as terminal:
        terminal.expect(PROMPT)
        terminal.send("tty; hostname; cat /proc/1/comm\r")
        terminal.expect(r"/dev/\S+\r\nweb\r\n(sh|sleep)\r\n")  # a shell may give its place to its last command
        terminal.expect(PROMPT)
        terminal.send("sleep 4321\r")
        terminal.expect("4321\r\n")
        terminal.send("\x1a")  # Ctrl-Z
        terminal.expect("(?i)stopped")
        terminal.send("jobs; kill -9 %1; fg; echo over''here\r")
        terminal.expect("overhere\r\n")
        terminal.send("\x04")  # Ctrl-D
        terminal.expect_exact([terminal.delimiter])
    assert "4321" not in program.run("exec", "web", "--", "sh", "-c", "cat /proc/[0-9]*/cmdline").out


def test_what_a_debugger_sees(sandboxed: Cluster, program: Program) -> None:
    """The processes of its target, through them its files, and the pod's network."""
    name = f"target-{program.name}"
    script = 'echo of the target >/tmp/file; exec python3 -c "$0" 127.0.0.1 hello'
    sandboxed.create(name, "sh", "-c", script, SERVER, image="python")
    sandboxed.running(name)
    sandboxed.said(name, "listening")
    asking = "import socket; print(socket.create_connection(('127.0.0.1', 80), 10).makefile().readline().strip())"
    with program.terminal("debug", name, "-it", "--image=python", "--target=app", "--", "sh") as terminal:
        terminal.expect("try pressing enter.")
        terminal.send("cat /proc/1/root/tmp/file; cat /proc/1/comm\r")
        terminal.expect(r"of the target\r\npython3\S*\r\n")
        terminal.send(f'python3 -c "{asking}"\r')
        terminal.expect(f"hello {name}\r\n")
        terminal.send("exit\r")
        terminal.expect("Session ended")
        terminal.wait()


def test_a_killed_session_leaves_nothing(sandboxed: Cluster, program: Program) -> None:
    name = f"left-{program.name}"
    sandboxed.create(name, "sleep", "600")
    sandboxed.running(name)
    with program.running("exec", name, "--", "sh", "-c", "echo begun; sleep 4322") as session:
        session.until("begun")
    listing = ("exec", name, "--", "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    eventually(lambda: "sleep 4322" not in program.run(*listing).out, 30)
