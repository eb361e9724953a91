"""A real cluster: its processes on a state directory of the test's own, driven by the command line."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from minikctl.client.local import LocalClient
from minikctl.cluster import layout, processes
from minikctl.runtime.network.client import ClusterNetwork
from tests.support.cluster import Result
from tests.support.waiting import eventually


@dataclass
class Daemon:
    """`run("get", "pods")` is a process of its own, as a person would start it."""

    __test__ = False

    root: Path
    environ: dict[str, str] = field(default_factory=dict)
    prefix: list[str] = field(default_factory=list)
    """What runs the commands: as another user, say."""

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MINIKCTL_", "KUBE"))}
        return {**kept, "MINIKCTL_STATE": str(self.root), "HOME": str(self.root.parent), **self.environ}

    def popen(self, *argv: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.prefix, sys.executable, "-m", "minikctl", *argv],
            env=self.environment(),
            cwd=Path(__file__).parent.parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *argv: str, timeout: float = 60) -> Result:
        with self.popen(*argv) as process:
            out, err = process.communicate(timeout=timeout)
        return Result(process.returncode, out, err)

    def start(self, *argv: str) -> Daemon:
        done = self.run("cluster", "start", *argv)
        assert done.code == 0, done.err + self.logs()
        return self

    @property
    def client(self) -> LocalClient:
        return LocalClient.on_files(self.root, actor="test")

    @property
    def has_network(self) -> bool:
        """Whether the cluster, which runs, has a network of its own: this machine may refuse it."""
        network = ClusterNetwork.open(self.root)
        if network is not None:
            network.close()
        return network is not None

    def process(self, component: str) -> processes.Process:
        found = processes.read(layout.pid_file(self.root, component))
        assert found is not None, f"{component} has no pid file"
        return found

    def kill(self, component: str) -> processes.Process:
        """kill -9, and wait until it is gone."""
        process = self.process(component)
        process.send(signal.SIGKILL)
        eventually(lambda: not process.alive)
        return process

    def logs(self) -> str:
        return "\n".join(f"--- {p.name}\n{p.read_text()}" for p in sorted((self.root / "run").glob("*.log")))

    def close(self) -> None:
        """Stop, and see that nothing is left. Fails the test otherwise."""
        if self.root.exists():
            self.run("cluster", "stop")
        left = processes_below(self.root)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert not left, f"processes are left: {left}\n{self.logs()}"


def processes_below(folder: Path) -> list[int]:
    """Processes that work in a folder, have a file of it open, or carry it in the mark of a container's processes."""
    found = []
    for proc in Path("/proc").iterdir():
        if not proc.name.isdigit() or int(proc.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            links = [proc / "cwd", proc / "root", *(proc / "fd").iterdir()]
            marked = f"MINIKCTL_CONTAINER={folder}/".encode() in (proc / "environ").read_bytes()
            if marked or any(_below(link, folder) for link in links):
                found.append(int(proc.name))
    return found


def _below(link: Path, folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return os.readlink(link).startswith(f"{folder}/")
    return False
