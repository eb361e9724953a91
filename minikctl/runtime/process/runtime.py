"""The process runtime: pods share a loopback address and a folder, containers are processes of the user who runs us.

Not isolated: files, processes, the network beyond the address. See `limitations`.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import socket
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from minikctl.runtime import limits
from minikctl.runtime.addresses import AddressesExhausted, AddressPool, address_is_free
from minikctl.runtime.cri_log import MAX_FILES, MAX_SIZE
from minikctl.runtime.interface import (
    LOCALHOST,
    NOT_READY,
    READY,
    RUNNING,
    ContainerConfig,
    ContainerStatus,
    ExecResult,
    NoSuchContainer,
    Notify,
    PodState,
    Resources,
    RuntimeFailure,
    SandboxConfig,
    SandboxStatus,
    Session,
    StartFailure,
    Stats,
)
from minikctl.runtime.process import listeners, proc
from minikctl.runtime.process.container import Container, of_container
from minikctl.runtime.process.folder import ContainerFolder, Launch, PodsFolder, config_from, remove_tree
from minikctl.runtime.process.images import ProcessImages
from minikctl.runtime.process.launch import StartRefused, find_program, link_mounts, put_files, resolve
from minikctl.runtime.process.loop import Loop
from minikctl.runtime.process.sessions import AttachSession, ExecSession
from minikctl.util.clock import Clock, SystemClock
from minikctl.util.descriptors import raise_descriptor_limit
from minikctl.util.disk import size
from minikctl.util.files import private_folder

log = logging.getLogger("runtime")
LIMITATIONS = (
    "containers are plain processes of this user: they see the host's files and processes",
    "pods have loopback addresses: only programs that bind the pod's own address ($POD_IP) get a network of their own",
    "volumes cannot be mounted at absolute paths: they are linked below the container's working directory",
    "users and capabilities are not applied",
)


class ProcessRuntime:
    """One node's. `cidr` is its part of 127.0.0.0/8, `host_ip` the address of pods on the host's network."""

    name = "minikctl-process"
    version = "0.1.0"
    simulated = has_network = False
    sees_processes = True  # and those of the whole machine
    container_class: type[Container] = Container
    images_class: type[ProcessImages] = ProcessImages
    log_size, log_files = MAX_SIZE, MAX_FILES
    """How large a container's log may become before it is rotated, and how many files of it are kept."""

    def __init__(self, state_dir: Path, node: str, cidr: str, *, host_ip: str = "", clock: Clock | None = None):
        self._clock = clock or SystemClock()
        self._node, self._host_ip = node, host_ip
        self._folder = PodsFolder(state_dir)
        self.images = self.images_class(state_dir, node)
        self._presence_path = state_dir / "run" / f"runtime-{node}.pipe"
        self._presence = -1
        self._addresses = AddressPool(cidr, is_free=self._is_free)
        self._boot = _boot_id()
        self._lock = threading.RLock()
        self._sandboxes: dict[str, SandboxStatus] = {}
        self._containers: dict[str, Container] = {}
        self._loop = Loop(f"runtime-{node}")
        self._limits = limits.find(state_dir, node)
        self._notify: Notify = lambda _uid: None

    def limitations(self) -> Sequence[str]:
        return (*LIMITATIONS, *self._limits.limitations())

    # ------------------------------------------------------------------ life

    def start(self, notify: Notify) -> None:
        """Adopt what earlier agents left, then listen."""
        raise_descriptor_limit()
        self._folder.remove_lost_memory()
        self._limits.start(self._folder.uids())
        for uid in self._folder.uids():
            self._adopt_pod(uid)
        self._notify = notify
        self._loop.start()
        private_folder(self._presence_path.parent)
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self._presence_path, 0o600)
        self._presence = os.open(self._presence_path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def recover(self, pods: Iterable[Any]) -> None:
        """Nothing to do: the folders remember."""

    def _adopt_pod(self, uid: str) -> None:
        own: set[str] = set()
        for sandbox, node, boot in self._folder.sandboxes(uid):
            if node != self._node:
                continue
            if sandbox.state == READY and (boot != self._boot or not self._survived(sandbox)):
                sandbox = replace(sandbox, state=NOT_READY)
                self._save(sandbox)
            self._sandboxes[sandbox.id] = sandbox
            own.add(sandbox.id)
            if sandbox.state == READY:
                self._addresses.keep(sandbox.ip)
        found = []
        for folder in self._folder.containers(uid):
            content = folder.load()
            if content is None or content["sandbox"] not in own:
                continue
            config, run = config_from(content)
            log_path = self._folder.log(uid, config.name, config.attempt)
            created = datetime.fromisoformat(content["created"])
            found.append(
                self.container_class(
                    content["id"], content["sandbox"], folder, config, run, created, log_path, self._loop, self._ended
                )
            )
        for container in sorted(found, key=lambda c: c.created_at):
            self._containers[container.id] = container
            container.limits, container.pod = self._limits, uid
            if container.folder.started() is not None and container.folder.exit() is None:
                self._limit(container)
            container.adopt()

    def _limit(self, container: Container) -> None:
        """Have the limits of resources in force for what is going to run in it. Raises RuntimeFailure."""
        container.limits = self._limits
        container.log.limit(self.log_size, self.log_files)
        try:
            files = self._limits.add(
                container.pod, container.id, container.config.resources, lambda: _shim_of(container.folder)
            )
            if files:
                container.folder.note_groups(files)
        except OSError as e:
            raise RuntimeFailure(f"failed to apply limits of resources: {e.strerror}: {e.filename}") from None

    def stop(self) -> None:
        self._notify = lambda _uid: None
        self._limits.stop()
        self._loop.stop()
        for container in list(self._containers.values()):
            container.abandon()
        if self._presence >= 0:
            os.close(self._presence)
            self._presence = -1

    def _ended(self, container: Container) -> None:
        sandbox = self._sandboxes.get(container.sandbox_id)
        if sandbox is not None:
            self._notify(sandbox.uid)

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
            config.hostname,
            config.share_processes,
        )
        try:
            self._save(sandbox)
            self._begin(sandbox, config)
        except OSError as e:
            self._addresses.release(ip)
            raise RuntimeFailure(f"failed to create the pod's folder: {e.strerror}: {e.filename}") from None
        except RuntimeFailure:
            self._folder.remove_sandbox(sandbox)
            self._addresses.release(ip)
            raise
        with contextlib.suppress(OSError):  # told of when a container needs it
            self._limits.add_pod(config.uid, config.resources)
        with self._lock:
            self._sandboxes[sandbox.id] = sandbox
        return sandbox

    def _begin(self, sandbox: SandboxStatus, config: SandboxConfig) -> None:
        """Make what the pod's containers share. Raises RuntimeFailure, OSError."""
        if config.sysctls:
            raise RuntimeFailure(
                f"sysctl {next(iter(config.sysctls))} cannot be set: pods share this machine's kernel settings"
            )

    def _survived(self, sandbox: SandboxStatus) -> bool:
        """Whether it is still there for an agent that comes later."""
        return True

    def _over(self, sandbox: SandboxStatus) -> None:
        """Its containers have ended: take away what they shared."""

    def _is_free(self, address: str) -> bool:
        return address_is_free(address)

    def _save(self, sandbox: SandboxStatus) -> None:
        self._folder.save_sandbox(sandbox, self._node, self._boot)

    def stop_pod_sandbox(self, sandbox_id: str) -> None:
        with self._lock:
            sandbox = self._sandboxes.get(sandbox_id)
        if sandbox is None or sandbox.state == NOT_READY:
            return
        for container in self._of_sandbox(sandbox_id):
            container.kill()
        for container in self._of_sandbox(sandbox_id):
            if container.state == RUNNING and not container.over.wait(2):
                container.remove()
        self._over(sandbox)
        self._set_stopped(sandbox)

    def _set_stopped(self, sandbox: SandboxStatus) -> None:
        stopped = replace(sandbox, state=NOT_READY)
        with self._lock:
            self._sandboxes[sandbox.id] = stopped
        with contextlib.suppress(OSError):
            self._save(stopped)
        self._addresses.release(sandbox.ip)

    def remove_pod_sandbox(self, sandbox_id: str) -> None:
        self.stop_pod_sandbox(sandbox_id)
        with self._lock:
            sandbox = self._sandboxes.get(sandbox_id)
        if sandbox is None:
            return
        for container in self._of_sandbox(sandbox_id):
            self.remove_container(container.id)
        with self._lock:
            self._sandboxes.pop(sandbox_id, None)
            is_last = all(s.uid != sandbox.uid for s in self._sandboxes.values())
        if is_last:
            self._limits.remove_pod(sandbox.uid)
            self._folder.remove(sandbox.uid)
        else:
            self._folder.remove_sandbox(sandbox)

    def pod_state(self, uid: str) -> PodState:
        with self._lock:
            sandboxes = tuple(s for s in reversed(self._sandboxes.values()) if s.uid == uid)
            ids = {s.id for s in sandboxes}
            found = [c for c in reversed(self._containers.values()) if c.sandbox_id in ids]
        return PodState(uid, sandboxes, tuple(c.status() for c in found))

    def pod_uids(self) -> Sequence[str]:
        with self._lock:
            return list(dict.fromkeys(s.uid for s in self._sandboxes.values()))

    def strays(self) -> Sequence[str]:
        return [uid for uid in self._folder.uids() if not self._folder.sandboxes(uid)]

    def remove_stray(self, uid: str) -> None:
        if not self._folder.sandboxes(uid):
            self._folder.remove(uid)

    def pod_folder(self, uid: str) -> Path | None:
        return self._folder.pod(uid)

    def _of_sandbox(self, sandbox_id: str) -> list[Container]:
        with self._lock:
            return [c for c in self._containers.values() if c.sandbox_id == sandbox_id]

    def _sandbox(self, sandbox_id: str) -> SandboxStatus:
        found = self._sandboxes.get(sandbox_id)
        if found is None:
            raise RuntimeFailure(f"failed to find sandbox id {sandbox_id!r}: not found")
        return found

    def _container(self, container_id: str) -> Container:
        found = self._containers.get(container_id)
        if found is None:
            raise NoSuchContainer(f"container {container_id!r} not found")
        return found

    # ------------------------------------------------------------------ containers

    def create_container(self, sandbox_id: str, config: ContainerConfig) -> str:
        sandbox = self._sandbox(sandbox_id)
        folder = self._folder.container(sandbox.uid, config.name, config.attempt)
        container_id, created = secrets.token_hex(32), self._clock.now()
        config = self._settle(config)
        try:
            if folder.path.exists():
                remove_tree(folder.path)
            folder.make(config.stdin)
            if config.tty:
                os.mkfifo(folder.path / "resize", 0o600)
            run = self._prepare(container_id, folder, config, sandbox)
            folder.save(container_id, sandbox_id, created, config, run)
        except OSError as e:
            raise RuntimeFailure(f"failed to create the container's folder: {e.strerror}: {e.filename}") from None
        log_path = self._folder.log(sandbox.uid, config.name, config.attempt)
        container = self.container_class(
            container_id, sandbox_id, folder, config, run, created, log_path, self._loop, self._ended
        )
        container.pod = sandbox.uid
        self._limit(container)
        with self._lock:
            self._containers[container_id] = container
        return container_id

    def _settle(self, config: ContainerConfig) -> ContainerConfig:
        """What the image decides where the pod does not. Raises RuntimeFailure."""
        return config

    def _prepare(
        self, container_id: str, folder: ContainerFolder, config: ContainerConfig, sandbox: SandboxStatus
    ) -> Launch:
        """Make the container's files, and find out how it is run. Raises RuntimeFailure, OSError."""
        image, resolved = self.images.emulated(config.image)
        ip = self._host_ip if sandbox.host_network else sandbox.ip
        run = resolve(config, image, resolved, self.images.programs(image), folder.root, sandbox, ip)
        link_mounts(folder.root, config.mounts)
        put_files(folder.root, image)
        return run

    def _check(self, container: Container, word: str) -> None:
        """Raises StartRefused when `word` is no program in the container."""
        find_program(word, dict(container.run.env), container.run.working_dir)

    def start_container(self, container_id: str) -> None:
        container = self._container(container_id)
        now = self._clock.now()
        try:
            self._check(container, container.run.argv[0])
            container.launch(self._presence_path, now)
        except StartRefused as e:
            message = f"failed to create task: unable to start container process: {e}"
            container.fail(128, "StartError", message, now)
            raise StartFailure(message) from None
        except OSError as e:
            message = f"failed to create task: unable to start container process: {e.strerror}: {e.filename}"
            container.fail(128, "StartError", message, now)
            raise StartFailure(message) from None

    def stop_container(self, container_id: str, grace: float) -> None:
        container = self._containers.get(container_id)
        if container is None or container.state != RUNNING:
            return
        if grace > 0:
            self._loop.call(lambda: container.signal_main(container.run.stop_signal))
            self._loop.later(grace, container.kill)
        else:
            self._loop.call(container.kill)

    def update_resources(self, container_id: str, resources: Resources) -> None:
        container = self._container(container_id)
        try:
            self._limits.update(container.pod, container_id, resources)
        except OSError as e:
            raise RuntimeFailure(f"failed to update the limits of resources: {e.strerror}") from None
        container.config = replace(container.config, resources=resources)
        with contextlib.suppress(OSError):
            container.folder.save(
                container_id, container.sandbox_id, container.created_at, container.config, container.run
            )

    def remove_container(self, container_id: str) -> None:
        with self._lock:
            container = self._containers.get(container_id)
        if container is None:
            return
        container.remove()
        with self._lock:
            self._containers.pop(container_id, None)
        self._limits.remove(container.pod, container_id)
        remove_tree(container.folder.path)
        for path in [container.log.path, *container.log.path.parent.glob(container.log.path.name + ".*")]:
            path.unlink(missing_ok=True)

    def container_status(self, container_id: str) -> ContainerStatus:
        return self._container(container_id).status()

    def container_stats(self, container_id: str) -> Stats:
        return self._stats(self._container(container_id), proc.everything())

    def stats_of(self, container_ids: Sequence[str]) -> Mapping[str, Stats]:
        processes = proc.everything() if container_ids else {}
        found = {}
        for container_id in container_ids:
            with contextlib.suppress(NoSuchContainer):
                found[container_id] = self._stats(self._container(container_id), processes)
        return found

    @staticmethod
    def _stats(container: Container, processes: dict[int, proc.Stat]) -> Stats:
        shim = container.folder.process("shim")
        if container.state != RUNNING or shim is None:
            return Stats()
        below = proc.descendants([shim.pid], processes)
        return Stats(
            cpu_seconds=sum(p.cpu for p in below) / proc.CLOCK_TICK,
            memory_bytes=sum(p.resident for p in below) * proc.PAGE_SIZE,
            processes=len(below),
        )

    def disk_usage(self, uid: str) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for name in {c.path.parent.name for c in self._folder.containers(uid)}:
            runs = [c.path for c in self._folder.containers(uid) if c.path.parent.name == name]
            parts = [run / part for run in runs for part in ("root", "layers")]
            found[name] = sum(size(p) for p in (*parts, self._folder.log(uid, name, 0).parent))
        return found

    def wait_for_log(self, container_id: str, seen: int, timeout: float) -> int:
        return self._container(container_id).log.wait(seen, timeout)

    def wake_log(self, container_id: str) -> None:
        self._container(container_id).log.touch()

    # ------------------------------------------------------------------ streams

    def exec(self, container_id: str, command: Sequence[str], *, stdin: bool, tty: bool) -> Session:
        container = self._container(container_id)
        if container.state != RUNNING:
            raise RuntimeFailure(f"container {container_id} is not running")
        try:
            self._check(container, command[0])
            container.folder.note_exec()
            return ExecSession(container, command, stdin=stdin, tty=tty)
        except StartRefused as e:
            text = f"failed to exec in container: exec failed: unable to start container process: {e}"
            raise StartFailure(text) from None
        except OSError as e:
            raise RuntimeFailure(f"failed to exec in container: {e.strerror}") from None

    def exec_sync(self, container_id: str, command: Sequence[str], timeout: float) -> ExecResult:
        session = self.exec(container_id, command, stdin=False, tty=False)
        late = threading.Event()

        def stop() -> None:
            late.set()
            session.close()

        timer = threading.Timer(timeout, stop)
        timer.daemon = True
        timer.start()
        output = b""
        while (part := session.read()) is not None:
            output += part[1]
        timer.cancel()
        return ExecResult(None if late.is_set() else session.exit_code(), output)

    def attach(self, container_id: str, *, stdin: bool) -> Session:
        container = self._container(container_id)
        if container.state != RUNNING:
            raise RuntimeFailure(f"container {container_id} is not running")
        return AttachSession(container, stdin=stdin)

    def dial(self, sandbox_id: str, host: str, port: int, timeout: float) -> socket.socket:
        sandbox = self._sandbox(sandbox_id)
        if host == LOCALHOST:
            return self._dial_localhost(sandbox_id, port, timeout)
        return socket.create_connection((host or sandbox.ip or self._host_ip, port), timeout)

    def _dial_localhost(self, sandbox_id: str, port: int, timeout: float) -> socket.socket:
        """All pods share this machine's loopback: only a listener of the pod's own counts."""
        processes = proc.everything()
        for container in self._of_sandbox(sandbox_id):
            if container.state == RUNNING:
                own = of_container(container.mark, container.folder.process("shim"), processes)
                if address := listeners.address_of(port, [p.pid for p in own]):
                    return socket.create_connection((address, port), timeout)
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))


# ---------------------------------------------------------------------- the machine


def _shim_of(folder: ContainerFolder) -> int | None:
    found = folder.process("shim")
    return found.pid if found is not None else None


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
