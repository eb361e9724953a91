"""A process runtime on a folder of the test's own; nothing of it may run afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from minikctl.runtime.addresses import cluster_range
from minikctl.runtime.interface import ContainerConfig, ContainerStatus, SandboxConfig, SandboxStatus
from minikctl.runtime.process import proc
from minikctl.runtime.process.killing import kill_everything
from minikctl.runtime.process.runtime import ProcessRuntime


def until(condition: Callable[[], object], what: str = "", seconds: float = 60.0) -> object:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.005)
    return found


def processes_of(state: Path) -> list[proc.Stat]:
    """Everything that carries the mark of a container of this state directory."""
    return proc.marked(f"MINIKCTL_CONTAINER={state.resolve()}/", proc.everything(), prefix=True)


@dataclass
class Node:
    """One node's runtime and a pod on it."""

    state: Path
    runtime: ProcessRuntime
    told: list[str] = field(default_factory=list)
    sandbox: SandboxStatus | None = None

    def restarted(self) -> Node:
        """The next agent's runtime, after this one let go."""
        self.runtime.stop()
        return open_node(self.state)

    def pod(self, uid: str = "u1") -> SandboxStatus:
        self.sandbox = self.runtime.run_pod_sandbox(SandboxConfig(uid, "web", "default", "web"))
        return self.sandbox

    def run(self, *command: str, name: str = "app", image: str = "busybox", start: bool = True, **more: object) -> str:
        """Start a container in the pod; its id."""
        sandbox = self.sandbox or self.pod()
        self.runtime.images.pull(image)
        config = ContainerConfig(name, image, command=command, **more)  # type: ignore[arg-type]
        container = self.runtime.create_container(sandbox.id, config)
        if start:
            self.runtime.start_container(container)
        return container

    def status(self, container: str) -> ContainerStatus:
        return self.runtime.container_status(container)

    def ended(self, container: str) -> ContainerStatus:
        until(lambda: self.status(container).state == "EXITED", "the container ends")
        return self.status(container)

    def log(self, container: str) -> list[str]:
        """`stdout F text`, without times."""
        lines = Path(self.status(container).log_path).read_text().splitlines()
        return [line.partition(" ")[2] for line in lines]

    def main(self, container: str) -> proc.Process:
        status = self.status(container)
        sandbox = self.sandbox
        assert sandbox is not None
        folder = self.runtime._folder.container(sandbox.uid, status.name, status.attempt)
        return until(lambda: folder.process("main"), "the main process")  # type: ignore[return-value]


def open_node(state: Path) -> Node:
    node = Node(state, ProcessRuntime(state, "node-1", cluster_range(str(state), 1)))
    node.runtime.start(node.told.append)
    uids = node.runtime.pod_uids()
    if uids:
        node.sandbox = node.runtime.pod_state(uids[0]).sandbox
    return node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = open_node(tmp_path)
    yield made
    made.runtime.stop()
    kill_everything(tmp_path)
    assert processes_of(tmp_path) == []
