"""What the kubelet asks of a container runtime, in the words of Kubernetes' Container Runtime Interface.

A pod sandbox is what a pod's containers share (an address, a folder); containers are created in it, started, stopped
and removed. Guarantees of every implementation:

- Changes that the kubelet did not make itself (a container ended) are told by calling the function given to `start`
  with the pod's uid; nobody has to poll. The call comes from a thread of the runtime's and must be answered quickly.
- Containers outlive the process that started them, except where `simulated` says that there are none.
- `stop_container` returns at once; the end of the container is told as any other end.
- All methods may be called from any thread. Ids are 64 hexadecimal digits.

Source: Kubernetes `cri-api` runtime/v1, Kubernetes concept "Container Runtime Interface".
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

CREATED, RUNNING, EXITED = "CREATED", "RUNNING", "EXITED"
READY, NOT_READY = "READY", "NOTREADY"
STDOUT, STDERR = 1, 2
LOCALHOST = "localhost"
"""For `Runtime.dial`: the pod's own loopback."""
"""Channels of output, numbered as in Kubernetes' remote command protocol."""

Notify = Callable[[str], None]


class RuntimeFailure(Exception):
    """The runtime cannot do what it was asked. The message is for the pod's status and Events."""


class StartFailure(RuntimeFailure):
    """A container could not be started: its program is missing or not executable. The container has EXITED (128)."""


class NoSuchContainer(RuntimeFailure):
    """The id names nothing that this runtime knows."""


class ImageFailure(RuntimeFailure):
    """An image cannot be had."""


class RegistryUnavailable(ImageFailure):
    """The registry cannot be reached."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What a container, or a pod as a whole, may use. CPU in thousandths of a core, memory in bytes; 0: no limit."""

    cpu_request: int = 0
    cpu_limit: int = 0
    memory_limit: int = 0
    pids_limit: int = 0
    """Of a pod only."""


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """What a pod's containers share. `attempt` counts the sandboxes of one pod."""

    uid: str
    name: str
    namespace: str
    hostname: str = ""
    attempt: int = 0
    host_network: bool = False
    share_processes: bool = False
    """Its containers see each other's processes."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """The pod's: a simulated runtime takes its orders from them."""
    labels: Mapping[str, str] = field(default_factory=dict)
    resources: Resources = Resources()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    """Settings of the kernel for its namespaces, by names with dots."""


@dataclass(frozen=True, slots=True)
class SandboxStatus:
    """state: READY or NOTREADY. `ip` is empty when the pod uses the host's network."""

    id: str
    uid: str
    name: str
    namespace: str
    attempt: int
    state: str
    ip: str
    created_at: datetime
    host_network: bool = False
    hostname: str = ""
    share_processes: bool = False


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder or file of the host's at a path in the container."""

    host_path: str
    container_path: str
    read_only: bool = False
    volume: str = ""
    beneath: str = ""
    """The folder that host_path is a part of and must not lead out of, whatever others do in it meanwhile."""


@dataclass(frozen=True, slots=True)
class Security:
    """Whom a container runs as and what it may. None: as the image says. Capabilities are named without `CAP_`."""

    user: int | None = None
    group: int | None = None
    groups: tuple[int, ...] = ()
    read_only_root: bool = False
    privileged: bool = False
    no_new_privileges: bool = False
    add_capabilities: tuple[str, ...] = ()
    drop_capabilities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerConfig:
    """One run of a container. Empty `command` and `args` mean the image's own.

    env: names and values in the order in which they are set. spec_hash: changes when the container's spec does.
    """

    name: str
    image: str
    attempt: int = 0
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    working_dir: str = ""
    mounts: tuple[Mount, ...] = ()
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    spec_hash: str = ""
    init: bool = False
    security: Security = Security()
    termination_log: str = ""
    """A file of the host's into which the container may write why it ended."""
    termination_from_output: bool = False
    """Where it wrote nothing and failed, the end of its output is taken instead."""
    resources: Resources = Resources()
    target: str = ""
    """The container of its pod in whose PID namespace it runs."""


@dataclass(frozen=True, slots=True)
class ContainerStatus:
    """state: CREATED, RUNNING or EXITED. image_ref names what really runs. reason: Completed, Error, OOMKilled, StartError, …"""

    id: str
    name: str
    attempt: int
    sandbox_id: str
    state: str
    image: str
    image_ref: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    spec_hash: str = ""
    log_path: str = ""
    init: bool = False

    @property
    def is_running(self) -> bool:
        return self.state == RUNNING


@dataclass(frozen=True, slots=True)
class PodState:
    """Everything that the runtime has of one pod: sandboxes and containers, newest first."""

    uid: str
    sandboxes: tuple[SandboxStatus, ...] = ()
    containers: tuple[ContainerStatus, ...] = ()

    @property
    def sandbox(self) -> SandboxStatus | None:
        """The newest sandbox."""
        return self.sandboxes[0] if self.sandboxes else None

    def of(self, name: str) -> list[ContainerStatus]:
        """The runs of one container, newest first."""
        return [c for c in self.containers if c.name == name]

    def newest(self, name: str) -> ContainerStatus | None:
        return next((c for c in self.containers if c.name == name), None)

    def by_id(self, container_id: str) -> ContainerStatus | None:
        return next((c for c in self.containers if c.id == container_id), None)


@dataclass(frozen=True, slots=True)
class ImageStatus:
    """An image on this node. digest: sha256:…; size in bytes. tags as `docker.io/library/nginx:1.25`.

    uid, username: whom it runs as by itself; uid is None where it names its user and does not number it.
    """

    digest: str
    tags: tuple[str, ...]
    repository: str
    size: int = 0
    uid: int | None = 0
    username: str = ""
    pinned: bool = True
    """Never to be taken away for lack of room."""

    @property
    def ref(self) -> str:
        """As `imageID` shows it: `docker.io/library/nginx@sha256:…`."""
        return f"{self.repository}@{self.digest}"


@dataclass(frozen=True, slots=True)
class Stats:
    """Use of one container: CPU seconds since its start, bytes of memory (resident), processes."""

    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    processes: int = 0


@dataclass(frozen=True, slots=True)
class ExecResult:
    """A command that ended. exit_code None: it was stopped because its time was over."""

    exit_code: int | None
    output: bytes = field(repr=False)


class Session(Protocol):
    """A command running in a container, or an attachment to its main process."""

    def read(self) -> tuple[int, bytes] | None:
        """(STDOUT or STDERR, data) as it comes; blocks; None is the end."""
        ...

    def write(self, data: bytes) -> None:
        """To its stdin. What nobody reads is dropped."""
        ...

    def close_stdin(self) -> None: ...

    def resize(self, width: int, height: int) -> None:
        """The terminal's size in characters; nothing happens without a terminal."""
        ...

    def exit_code(self) -> int | None:
        """After the end: the command's exit code, None when there is none to know."""
        ...

    def close(self) -> None:
        """The caller is gone: `read` ends, a command with a terminal is hung up."""
        ...


@dataclass(frozen=True, slots=True)
class Credential:
    """What opens a registry, or a part of one: `registry` may go on with a path. token: an identity token."""

    registry: str
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


class ImageService(Protocol):
    """The images of a node. References are as written in pod specs; raises ImageFailure."""

    def status(self, image: str) -> ImageStatus | None:
        """The image if it is on this node, else None."""
        ...

    def asks_registry(self, image: str) -> bool:
        """Whether `pull` would ask a registry, and so may take its time."""
        ...

    def pull(self, image: str, credentials: Sequence[Credential] = ()) -> ImageStatus: ...

    def list(self) -> Sequence[ImageStatus]: ...

    def remove(self, image: str) -> None: ...

    def keep(self, image: str, folder: Path) -> Path:
        """The files of an image that is here; they stay as long as `folder`, which is made, is there."""
        ...

    def kept(self, folder: Path) -> Path | None:
        """What `keep` gave for a folder, None when there is nothing (any more)."""
        ...

    def used(self) -> Set[str]:
        """The `ref`s of the images that containers have, whichever node's."""
        ...

    def tidy(self) -> None:
        """Take away the files that no image needs any more."""
        ...


class Runtime(Protocol):
    """A container runtime. See the module's guarantees."""

    name: str
    """The scheme of container ids: `minikctl-process`."""
    version: str
    simulated: bool
    """True when containers are only said to run."""
    has_network: bool
    """True when pods are in a network of the cluster's own, with its Services and its DNS."""
    sees_processes: bool
    """True when a container can see the processes of another one that it targets."""

    @property
    def images(self) -> ImageService: ...

    def limitations(self) -> Sequence[str]:
        """What this runtime does not do that a pod may expect, in words for the Node's conditions."""
        ...

    def start(self, notify: Notify) -> None:
        """Begin: find what runs already, then tell of changes."""
        ...

    def recover(self, pods: Iterable[Any]) -> None:
        """Before the first sync: the node's Pod objects, for a runtime that keeps no memory of its own."""
        ...

    def stop(self) -> None:
        """Let go. Containers run on."""
        ...

    # ------------------------------------------------------------------ pods

    def run_pod_sandbox(self, config: SandboxConfig) -> SandboxStatus: ...

    def stop_pod_sandbox(self, sandbox_id: str) -> None:
        """Kill what still runs in it and give its address back. May be repeated."""
        ...

    def remove_pod_sandbox(self, sandbox_id: str) -> None:
        """Forget it, its containers, their logs and files. May be repeated."""
        ...

    def pod_state(self, uid: str) -> PodState: ...

    def pod_uids(self) -> Sequence[str]:
        """Every pod that has a sandbox here."""
        ...

    def strays(self) -> Sequence[str]:
        """Pods that have files here but no sandbox on any node: not yet, or no more."""
        ...

    def remove_stray(self, uid: str) -> None:
        """Remove the files of a pod that does not exist any more."""
        ...

    def pod_folder(self, uid: str) -> Path | None:
        """Where the pod's volumes live; None when there are no files."""
        ...

    # ------------------------------------------------------------------ containers

    def create_container(self, sandbox_id: str, config: ContainerConfig) -> str: ...

    def start_container(self, container_id: str) -> None:
        """Raises StartFailure."""
        ...

    def stop_container(self, container_id: str, grace: float) -> None:
        """Ask it to end (its stop signal), and kill it `grace` seconds later. Called again, the shorter time counts."""
        ...

    def update_resources(self, container_id: str, resources: Resources) -> None:
        """Other limits for a container that runs. Raises RuntimeFailure when they cannot be put in force."""
        ...

    def remove_container(self, container_id: str) -> None: ...

    def container_status(self, container_id: str) -> ContainerStatus: ...

    def container_stats(self, container_id: str) -> Stats: ...

    def stats_of(self, container_ids: Sequence[str]) -> Mapping[str, Stats]:
        """The same for several, in one look; those that are gone are left out."""
        ...

    def disk_usage(self, uid: str) -> Mapping[str, int]:
        """Container → bytes of disk that it has written: its own layer and its logs."""
        ...

    def wait_for_log(self, container_id: str, seen: int, timeout: float) -> int:
        """Block until the log has more than at generation `seen`, or the container changed; the new generation."""
        ...

    def wake_log(self, container_id: str) -> None:
        """Have everybody who waits for the log look again."""
        ...

    # ------------------------------------------------------------------ streams

    def exec(self, container_id: str, command: Sequence[str], *, stdin: bool, tty: bool) -> Session: ...

    def exec_sync(self, container_id: str, command: Sequence[str], timeout: float) -> ExecResult:
        """Run to the end and give the (joined) output."""
        ...

    def attach(self, container_id: str, *, stdin: bool) -> Session: ...

    def dial(self, sandbox_id: str, host: str, port: int, timeout: float) -> socket.socket:
        """Connect from where the pod's network can be reached: to the pod's address when `host` is empty, to its own
        loopback when it is LOCALHOST. Raises OSError."""
        ...
