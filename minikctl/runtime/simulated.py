"""A runtime without processes: what it is asked to start runs at once and for ever, until it is stopped.

A pod may say, in kwok's words, that it is to be complete after a while, or to fail (stages.py): the annotation
`pod-complete.stage.kwok.x-k8s.io/delay: 5s` has its containers end well five seconds after they have started.
Init containers are done at once. Every image exists. For clusters of many nodes, where the control plane is what is
looked at. Remembers nothing itself: `recover` rebuilds it from the statuses of the node's pods.
"""

from __future__ import annotations

import heapq
import random
import secrets
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from minikctl.api.meta import Obj, annotations_of, get_path, labels_of, name, namespace, uid
from minikctl.runtime import stages
from minikctl.runtime.addresses import AddressesExhausted, AddressPool
from minikctl.runtime.interface import (
    CREATED,
    EXITED,
    NOT_READY,
    READY,
    RUNNING,
    ContainerConfig,
    ContainerStatus,
    Credential,
    ExecResult,
    ImageStatus,
    NoSuchContainer,
    Notify,
    PodState,
    Resources,
    RuntimeFailure,
    SandboxConfig,
    SandboxStatus,
    Session,
    Stats,
)
from minikctl.runtime.reference import parse
from minikctl.util.clock import Clock, SystemClock

NOTHING_RUNS = "this node is simulated: its containers are no processes, so there is nothing to {verb}"
COMPLETE_AFTER = f"{stages.COMPLETE}/delay"
_DIGEST = "sha256:" + "0" * 64


class SimulatedImages:
    """Every reference that can be parsed is an image on this node."""

    def status(self, image: str) -> ImageStatus | None:
        reference = parse(image)
        return ImageStatus(reference.digest or _DIGEST, (str(reference),), reference.repository)

    def asks_registry(self, image: str) -> bool:
        return False

    def pull(self, image: str, credentials: Sequence[Credential] = ()) -> ImageStatus:
        found = self.status(image)
        assert found is not None
        return found

    def list(self) -> Sequence[ImageStatus]:
        return ()

    def remove(self, image: str) -> None:
        return None

    def keep(self, image: str, folder: Path) -> Path:
        return folder

    def kept(self, folder: Path) -> Path | None:
        return folder

    def used(self) -> Set[str]:
        return frozenset()

    def tidy(self) -> None:
        return None


class SimulatedRuntime:
    """See the module. `cidr` is the node's range of pod addresses, `host_ip` what pods on the host's network get."""

    name = "minikctl-simulated"
    version = "0"
    simulated = True
    has_network = False
    sees_processes = True

    def __init__(self, cidr: str, *, clock: Clock | None = None):
        self.images = SimulatedImages()
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._addresses = AddressPool(cidr)
        self._sandboxes: dict[str, SandboxStatus] = {}
        self._containers: dict[str, ContainerStatus] = {}
        self._notify: Notify = lambda _uid: None
        self._endings: dict[str, tuple[stages.Ending, ...]] = {}
        """By sandbox: how its containers end by themselves."""
        self._rng = random.Random()
        self._ends = Timetable(self._clock, self._complete)

    def limitations(self) -> Sequence[str]:
        return ("containers are simulated: no process runs, logs and exec have nothing to show",)

    def start(self, notify: Notify) -> None:
        self._notify = notify

    def stop(self) -> None:
        self._notify = lambda _uid: None
        self._ends.stop()

    def recover(self, pods: Iterable[Obj]) -> None:
        """Take what the pods' statuses say for what runs."""
        for pod in pods:
            status = pod.get("status", {})
            if status.get("phase") in ("Succeeded", "Failed") or not status.get("containerStatuses"):
                continue
            self._recover(pod, status)

    def _recover(self, pod: Obj, status: Obj) -> None:
        host_network = bool(get_path(pod, "spec", "hostNetwork"))
        ip = "" if host_network else status.get("podIP", "")
        created = _moment(status.get("startTime")) or self._clock.now()
        sandbox = SandboxStatus(
            secrets.token_hex(32), uid(pod), name(pod), namespace(pod), 0, READY, ip, created, host_network
        )
        self._sandboxes[sandbox.id] = sandbox
        self._addresses.keep(ip)
        self._note_endings(sandbox.id, labels_of(pod), annotations_of(pod))
        for init in (True, False):
            for found in status.get("initContainerStatuses" if init else "containerStatuses") or []:
                state = found.get("state") or {}
                container_id = found.get("containerID", "").partition("://")[2]
                if not container_id or not ("running" in state or "terminated" in state):
                    continue
                details = state.get("running") or state["terminated"]
                self._containers[container_id] = ContainerStatus(
                    id=container_id,
                    name=found["name"],
                    attempt=int(found.get("restartCount", 0)),
                    sandbox_id=sandbox.id,
                    state=RUNNING if "running" in state else EXITED,
                    image=found["image"],
                    image_ref=found.get("imageID", ""),
                    created_at=created,
                    started_at=_moment(details.get("startedAt")),
                    finished_at=_moment(details.get("finishedAt")),
                    exit_code=int(details.get("exitCode", 0)),
                    reason=details.get("reason", ""),
                    init=init,
                )
                self._await_end(self._containers[container_id])

    def _note_endings(self, sandbox_id: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> None:
        if found := stages.endings(labels, annotations):
            self._endings[sandbox_id] = found

    def _ending(self, container: ContainerStatus) -> stages.Ending | None:
        return stages.of_container(self._endings.get(container.sandbox_id, ()), container.name)

    def _await_end(self, container: ContainerStatus) -> None:
        ending = self._ending(container)
        if ending is not None and container.is_running and not container.init:
            begun, seconds = container.started_at or self._clock.now(), ending.seconds(self._rng)
            self._ends.put(container.id, max(seconds - (self._clock.now() - begun).total_seconds(), 0.0))

    def _complete(self, container_id: str) -> None:
        with self._lock:
            container = self._containers.get(container_id)
            if container is not None and container.is_running:
                ending = self._ending(container)
                self._end(container, ending.exit_code if ending else 0, ending.reason if ending else "")

    # ------------------------------------------------------------------ pods

    def run_pod_sandbox(self, config: SandboxConfig) -> SandboxStatus:
        try:
            ip = "" if config.host_network else self._addresses.take()
        except AddressesExhausted as e:
            raise RuntimeFailure(str(e)) from None
        sandbox = SandboxStatus(
            secrets.token_hex(32),
            config.uid,
            config.name,
            config.namespace,
            config.attempt,
            READY,
            ip,
            self._clock.now(),
            config.host_network,
        )
        with self._lock:
            self._sandboxes[sandbox.id] = sandbox
            self._note_endings(sandbox.id, config.labels, config.annotations)
        return sandbox

    def stop_pod_sandbox(self, sandbox_id: str) -> None:
        with self._lock:
            sandbox = self._sandboxes.get(sandbox_id)
            if sandbox is None or sandbox.state == NOT_READY:
                return
            for container in list(self._containers.values()):
                if container.sandbox_id == sandbox_id and container.is_running:
                    self._end(container, 137)
            self._sandboxes[sandbox_id] = replace(sandbox, state=NOT_READY)
        self._addresses.release(sandbox.ip)

    def remove_pod_sandbox(self, sandbox_id: str) -> None:
        self.stop_pod_sandbox(sandbox_id)
        with self._lock:
            self._sandboxes.pop(sandbox_id, None)
            self._endings.pop(sandbox_id, None)
            self._containers = {k: c for k, c in self._containers.items() if c.sandbox_id != sandbox_id}

    def pod_state(self, uid: str) -> PodState:
        with self._lock:
            sandboxes = tuple(s for s in reversed(self._sandboxes.values()) if s.uid == uid)
            ids = {s.id for s in sandboxes}
            containers = tuple(c for c in reversed(self._containers.values()) if c.sandbox_id in ids)
        return PodState(uid, sandboxes, containers)

    def pod_uids(self) -> Sequence[str]:
        with self._lock:
            return list(dict.fromkeys(s.uid for s in self._sandboxes.values()))

    def strays(self) -> Sequence[str]:
        return ()

    def remove_stray(self, uid: str) -> None:
        """There are no files."""

    def pod_folder(self, uid: str) -> Path | None:
        return None

    # ------------------------------------------------------------------ containers

    def create_container(self, sandbox_id: str, config: ContainerConfig) -> str:
        container_id = secrets.token_hex(32)
        image = self.images.status(config.image)
        with self._lock:
            if sandbox_id not in self._sandboxes:
                raise RuntimeFailure(f"failed to find sandbox id {sandbox_id!r}: not found")
            self._containers[container_id] = ContainerStatus(
                id=container_id,
                name=config.name,
                attempt=config.attempt,
                sandbox_id=sandbox_id,
                state=CREATED,
                image=config.image,
                image_ref=image.ref if image else "",
                created_at=self._clock.now(),
                spec_hash=config.spec_hash,
                init=config.init,
            )
        return container_id

    def start_container(self, container_id: str) -> None:
        with self._lock:
            container = self.container_status(container_id)
            started = replace(container, state=RUNNING, started_at=self._clock.now())
            self._containers[container_id] = started
            if container.init:
                self._end(started, 0)
            self._await_end(self._containers[container_id])

    def stop_container(self, container_id: str, grace: float) -> None:
        with self._lock:
            container = self._containers.get(container_id)
            if container is not None and container.is_running:
                self._end(container, 0)

    def update_resources(self, container_id: str, resources: Resources) -> None:
        """Nothing runs that could be limited."""

    def _end(self, container: ContainerStatus, exit_code: int, reason: str = "") -> None:
        self._containers[container.id] = replace(
            container,
            state=EXITED,
            finished_at=self._clock.now(),
            exit_code=exit_code,
            reason=reason or ("Error" if exit_code else "Completed"),
        )
        self._notify(self._sandboxes[container.sandbox_id].uid)

    def remove_container(self, container_id: str) -> None:
        with self._lock:
            self._containers.pop(container_id, None)

    def container_status(self, container_id: str) -> ContainerStatus:
        found = self._containers.get(container_id)
        if found is None:
            raise NoSuchContainer(f"container {container_id!r} not found")
        return found

    def container_stats(self, container_id: str) -> Stats:
        return Stats()

    def stats_of(self, container_ids: Sequence[str]) -> Mapping[str, Stats]:
        return dict.fromkeys(container_ids, Stats())

    def disk_usage(self, uid: str) -> Mapping[str, int]:
        return {}

    def wait_for_log(self, container_id: str, seen: int, timeout: float) -> int:
        raise RuntimeFailure(NOTHING_RUNS.format(verb="read from"))

    def wake_log(self, container_id: str) -> None:
        return None

    # ------------------------------------------------------------------ streams

    def exec(self, container_id: str, command: Sequence[str], *, stdin: bool, tty: bool) -> Session:
        raise RuntimeFailure(NOTHING_RUNS.format(verb="execute a command in"))

    def exec_sync(self, container_id: str, command: Sequence[str], timeout: float) -> ExecResult:
        return ExecResult(0, b"")

    def attach(self, container_id: str, *, stdin: bool) -> Session:
        raise RuntimeFailure(NOTHING_RUNS.format(verb="attach to"))

    def dial(self, sandbox_id: str, host: str, port: int, timeout: float) -> socket.socket:
        raise ConnectionRefusedError(NOTHING_RUNS.format(verb="connect to"))


class Timetable:
    """Calls `ring` with each key when its time has come. One thread, which is there while something is waited for."""

    def __init__(self, clock: Clock, ring: Callable[[str], None]):
        self._clock, self._ring = clock, ring
        self._condition = threading.Condition()
        self._due: list[tuple[float, str]] = []
        self._thread: threading.Thread | None = None

    def put(self, key: str, seconds: float) -> None:
        with self._condition:
            heapq.heappush(self._due, (self._clock.monotonic() + seconds, key))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="simulated-ends", daemon=True)
                self._thread.start()
            self._condition.notify()

    def stop(self) -> None:
        with self._condition:
            self._due.clear()
            self._condition.notify()

    def _run(self) -> None:
        while True:
            with self._condition:
                while self._due and (left := self._due[0][0] - self._clock.monotonic()) > 0:
                    self._condition.wait(left)
                if not self._due:
                    self._thread = None
                    return
                _, key = heapq.heappop(self._due)
            self._ring(key)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
