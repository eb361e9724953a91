"""A running cluster with a real node, and three clients of it: the real kubectl over TLS, minikctl on the files and over TLS."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

from minikctl.client.local import LocalClient
from tests.support import reference
from tests.support.cluster import Result
from tests.support.daemon import Daemon
from tests.support.waiting import eventually

SECONDS = 30.0
LISTENER = """
import os, socket, sys, threading
def answer(c):
    data = b''
    while part := c.recv(65536):
        data += part
    c.sendall(b'got ' + str(len(data)).encode() + b' ' + data)
    c.close()
def serve(s):
    while True:
        threading.Thread(target=answer, args=s.accept()[:1], daemon=True).start()
ports = [socket.create_server((os.environ.get('POD_IP', ''), p)) for p in (8080, 8081)]
print('listening', flush=True)
for s in ports[1:]:
    threading.Thread(target=serve, args=(s,), daemon=True).start()
serve(ports[0])
"""


@dataclass
class Program:
    """A client as a process of its own. `name` tells which."""

    name: str
    command: list[str]
    environ: dict[str, str]
    cwd: Path

    def run(self, *argv: str, stdin: str = "", timeout: float = SECONDS, cwd: Path | None = None) -> Result:
        done = subprocess.run(
            [*self.command, *argv],
            input=stdin,
            env=self.environ,
            cwd=cwd or self.cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def running(self, *argv: str) -> Iterator[Running]:
        """The process, ended with Ctrl-C at the end of the block."""
        process = subprocess.Popen(
            [*self.command, *argv],
            env=self.environ,
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            yield Running(process)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()

    @contextmanager
    def terminal(self, *argv: str) -> Iterator[pexpect.spawn]:
        child = pexpect.spawn(
            self.command[0],
            [*self.command[1:], *argv],
            env=self.environ,
            cwd=str(self.cwd),
            use_poll=True,
            timeout=SECONDS / 2,
            dimensions=(30, 90),
            encoding="utf-8",
        )
        try:
            yield child
        finally:
            child.close(force=True)


class Running:
    """A process whose output is read as it comes."""

    def __init__(self, process: subprocess.Popen[bytes]):
        self.process = process
        self.out = self.err = ""
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)

    def _read(self) -> None:
        for name in ("out", "err"):
            pipe = self.process.stdout if name == "out" else self.process.stderr
            assert pipe is not None
            try:
                data = os.read(pipe.fileno(), 65536)
            except BlockingIOError:
                continue
            setattr(self, name, getattr(self, name) + data.decode(errors="replace"))

    def until(self, text: str, stream: str = "out", seconds: float = SECONDS / 2) -> str:
        """All that was said, once it holds the text."""
        deadline = time.monotonic() + seconds
        while text not in getattr(self, stream):
            assert time.monotonic() < deadline, f"{text!r} is not in {self.out!r} {self.err!r}"
            self._read()
            time.sleep(0.01)
        return str(getattr(self, stream))

    def ended(self, seconds: float = SECONDS / 2) -> int:
        code = self.process.wait(seconds)
        for _ in range(100):
            before = len(self.out) + len(self.err)
            self._read()
            if len(self.out) + len(self.err) == before:
                break
        return code


@dataclass
class Cluster:
    daemon: Daemon
    client: LocalClient
    home: Path

    def program(self, name: str) -> Program:
        environ = self.daemon.environment() | {"HOME": str(self.home), "TERM": "xterm"}
        if name == "kubectl":
            command = [reference.program("kubectl"), "--kubeconfig", str(self.daemon.root / "kubeconfig")]
        else:
            command = [sys.executable, "-m", "minikctl"]
            environ |= {"PYTHONPATH": str(Path(__file__).parents[2])}
            environ |= {"MINIKCTL_DOOR": "http"} if name == "minikctl-http" else {}
        return Program(name, command, environ, self.home)

    def create(self, name: str, *command: str, image: str = "busybox", **more: object) -> None:
        container = {"name": "app", "image": image, "command": list(command), **more}
        self.pod(name, {"containers": [container]})

    def pod(self, name: str, spec: dict[str, object], **meta: object) -> None:
        spec = {"terminationGracePeriodSeconds": 1, "restartPolicy": "Never", **spec}
        self.client.create("pods", {"metadata": {"name": name, **meta}, "spec": spec}, "default")

    def phase(self, name: str) -> str:
        return str(self.client.get("pods", name, "default").get("status", {}).get("phase"))

    def running(self, *names: str) -> None:
        eventually(lambda: all(self.phase(n) == "Running" for n in names), 30)

    def said(self, name: str, text: str, container: str = "") -> None:
        options = {"container": container} if container else {}
        eventually(lambda: text.encode() in b"".join(self.client.logs(name, "default", options)))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Started once a test process; it holds pods that tests do not change."""
    folder = tmp_path_factory.mktemp("streams")
    home = folder / "home"
    home.mkdir()
    daemon = Daemon(folder / "state")
    try:
        daemon.start()
        made = Cluster(daemon, daemon.client, home)
        made.create("web", "sh", "-c", "for i in one two three; do echo $i; done; sleep 600")
        two = [{"name": n, "image": "busybox", "command": ["sh", "-c", f"echo {n}; sleep 600"]} for n in "ab"]
        made.pod("two", {"containers": two}, labels={"set": "two"})
        address = [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
        ports = [{"containerPort": 8080, "name": "first"}, {"containerPort": 8081, "name": "second"}]
        spec = {
            "name": "app",
            "image": "python",
            "command": ["python3", "-c", LISTENER],
            "env": address,
            "ports": ports,
        }
        made.pod("listens", {"containers": [spec]}, labels={"app": "listens"})
        service = {"selector": {"app": "listens"}, "ports": [{"name": "http", "port": 80, "targetPort": "second"}]}
        made.client.create("services", {"metadata": {"name": "listens"}, "spec": service}, "default")
        made.running("web", "two", "listens")
        made.said("web", "three")
        made.said("two", "a", "a")
        made.said("two", "b", "b")
        made.said("listens", "listening")
        yield made
    finally:
        daemon.close()


@pytest.fixture(params=["kubectl", "minikctl", "minikctl-http"])
def program(request: pytest.FixtureRequest, cluster: Cluster) -> Program:
    return cluster.program(request.param)
