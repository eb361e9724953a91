"""The sandbox runtime: as the process runtime, but every container has its own root file system, process numbers, host
name and IPC, and cannot write anywhere on the host but into its own folder and its volumes.

With a cluster network (see `runtime.network`) a pod has a network of its own, too, and its containers share IPC and,
where it asks for that, processes. Without, a pod is an address on the machine's loopback interface. As an ordinary user there is only
one user in a container; changing a file's owner or the own user is refused by the kernel. See `limitations`.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from minikctl.runtime.images import Image, Program
from minikctl.runtime.interface import (
    READY,
    RUNNING,
    ContainerConfig,
    ImageStatus,
    Notify,
    RuntimeFailure,
    SandboxConfig,
    SandboxStatus,
)
from minikctl.runtime.network.client import ClusterNetwork
from minikctl.runtime.oci import unpacked
from minikctl.runtime.oci.node_images import NodeImages
from minikctl.runtime.oci.removal import IMAGE_FILE
from minikctl.runtime.process.container import MARK, Container
from minikctl.runtime.process.folder import ContainerFolder, Launch, remove_tree
from minikctl.runtime.process.launch import (
    IMAGE,
    ROOT,
    command_of,
    environment,
    find_program,
    name_of,
    stop_signal,
    words_of,
)
from minikctl.runtime.process.runtime import ProcessRuntime
from minikctl.runtime.sandbox import beneath, command, seccomp, tools, tree
from minikctl.runtime.sandbox.container import (
    ARGUMENTS,
    FILTER,
    FILTER_FD,
    PROCESSES,
    STATUS_FD,
    SandboxContainer,
    image_of,
)
from minikctl.runtime.sandbox.pods import PodNetwork
from minikctl.util.clock import Clock
from minikctl.util.files import atomic_write
from minikctl.util.jsonio import compact

NETWORK = (
    "pods have loopback addresses: only programs that bind the pod's own address ($POD_IP) get a network of their own"
)
ONE_USER = "containers know one user only, because the cluster does not run as root: chown succeeds without effect"
OWN = "/opt/.minikctl"
SHELL = "/bin/sh"
SHARING = "containers of a pod share no processes and no IPC"
HOST_NETWORK = "pods on the host's network (hostNetwork) are on a network that all nodes of this cluster share"


class SandboxRuntime(ProcessRuntime):
    """One node's. See the module; use it where `bwrap.probe` has nothing against it."""

    name = "minikctl-sandbox"
    container_class = SandboxContainer
    images_class = NodeImages
    images: NodeImages

    def __init__(
        self,
        state_dir: Path,
        node: str,
        cidr: str,
        *,
        host_ip: str = "",
        clock: Clock | None = None,
        network: ClusterNetwork | None = None,
    ):
        """`network`: that of the cluster, in which `cidr` is the node's range, and `host_ip` its address."""
        super().__init__(state_dir, node, cidr, host_ip=host_ip, clock=clock)
        self.has_network = self.sees_processes = network is not None
        self._network = PodNetwork(network, node, host_ip, cidr, self._loop, self._lost) if network else None

    def limitations(self) -> Sequence[str]:
        users = () if os.geteuid() == 0 else (ONE_USER,)
        if self._network is not None:
            return (HOST_NETWORK, *users, *self._limits.limitations())
        return (NETWORK, *users, *self._limits.limitations(), SHARING)

    @property
    def _tools(self) -> Path:
        return self._presence_path.parent / "sandbox-tools"

    @property
    def _etc(self) -> Path:
        return self._presence_path.parent / "sandbox-etc"

    # ------------------------------------------------------------------ pods

    def start(self, notify: Notify) -> None:
        if self._network is not None:
            self._network.start()
        super().start(notify)
        for container in [c for c in self._containers.values() if c.state == RUNNING]:
            if self._sandboxes[container.sandbox_id].state != READY:
                self._loop.call(container.kill)  # its pod was lost in the meantime

    def stop(self) -> None:
        super().stop()
        if self._network is not None:
            self._network.stop()

    def _begin(self, sandbox: SandboxStatus, config: SandboxConfig) -> None:
        if self._network is None:
            super()._begin(sandbox, config)
            return
        shared = self._shared_memory(sandbox)
        remove_tree(shared)
        shared.mkdir()
        shared.chmod(0o1777)
        self._network.begin(sandbox, config, {MARK: f"{self._folder.pod(sandbox.uid)}/pause"})

    def _shared_memory(self, sandbox: SandboxStatus) -> Path:
        return self._folder.pod(sandbox.uid) / "shm"

    def _survived(self, sandbox: SandboxStatus) -> bool:
        if self._network is not None:
            return self._network.adopt(sandbox.id)
        return sandbox.host_network or not sandbox.ip or sandbox.ip in self._addresses

    def _is_free(self, address: str) -> bool:
        return self._network is not None or super()._is_free(address)

    def _over(self, sandbox: SandboxStatus) -> None:
        if self._network is not None:
            self._network.end(sandbox.id)

    def _lost(self, sandbox_id: str) -> None:
        """A pod's pause process has ended: so do its containers, and the kubelet makes the pod anew."""
        sandbox = self._sandboxes.get(sandbox_id)
        if sandbox is None or sandbox.state != READY:
            return
        self._set_stopped(sandbox)
        for container in self._of_sandbox(sandbox_id):
            container.kill()
        self._notify(sandbox.uid)

    def dial(self, sandbox_id: str, host: str, port: int, timeout: float) -> socket.socket:
        if self._network is None:
            return super().dial(sandbox_id, host, port, timeout)
        return self._network.dial(self._sandbox(sandbox_id), host, port, timeout)

    def _pod(self, sandbox: SandboxStatus, target: str) -> command.PodNamespaces | None:
        """Raises RuntimeFailure when it is lost."""
        if self._network is None:
            return None
        return command.PodNamespaces(self._network.pause(sandbox.id), sandbox.share_processes or bool(target))

    def _main_of(self, sandbox: SandboxStatus, name: str) -> int:
        """The pid of a container's main process. Raises RuntimeFailure."""
        for container in self._of_sandbox(sandbox.id):
            if container.config.name == name and container.state == RUNNING:
                container.wait_for_main()
                if (main := container.main_process()) is not None:
                    return main.pid
        raise RuntimeFailure(f"unable to find target container {name}")

    # ------------------------------------------------------------------ containers

    def _settle(self, config: ContainerConfig) -> ContainerConfig:
        found = self.images.unpacked(config.image)
        if found is None:
            return config
        security, _ = unpacked.identity(found, config.security, tree.make_etc(self._etc))
        return replace(config, security=security)

    def _prepare(
        self, container_id: str, folder: ContainerFolder, config: ContainerConfig, sandbox: SandboxStatus
    ) -> Launch:
        layout, image, status, home = self._image(folder, config)
        image = handing_on(image, (name for name, _ in config.env))
        tree.make(layout, image, commands(image, name_of(config, status)))
        tree.make_places(layout, config.mounts)
        pod, ip = self._pod(sandbox, config.target), self._host_ip if sandbox.host_network else sandbox.ip
        env = environment(config, image, sandbox, "" if pod else ip, home)
        working_dir = layout.destination(config.working_dir or image.working_dir)
        is_new = tree.Finder(layout, config.mounts).find(working_dir) is None
        if is_new and layout.image is None:
            tree.make_folder(layout, working_dir)
        words, name = words_of(config, image), name_of(config, status)
        run = Launch(
            words,
            tuple(env.items()),
            working_dir,
            stop_signal(image),
            name,
            status.ref,
            pod.pause if pod else 0,
            pod is not None and pod.share_processes,
        )
        blind = b"" if os.geteuid() == 0 else seccomp.program()
        box = command.Box(
            layout,
            sandbox.hostname or sandbox.name,
            working_dir,
            run.env,
            config.mounts,
            (*(visible() if layout.host_tools else ()), (str(tools.make(self._tools)), tools.PLACE)),
            pod,
            str(self._shared_memory(sandbox)) if pod else "",
            FILTER_FD if blind else -1,
            config.security,
            STATUS_FD,
            working_dir if is_new and layout.image is not None else "",
            self._limits.seen(sandbox.uid, container_id),
        )
        if blind:
            (folder.path / FILTER).write_bytes(blind)
        if parts := command.beneath(config.mounts):
            (folder.path / beneath.PLACE).write_bytes(parts)
        if run.share_processes:
            owner = (
                self._main_of(sandbox, config.target) if config.target and not sandbox.share_processes else run.pause
            )
            (folder.path / PROCESSES).symlink_to(f"/proc/{owner}/ns/pid")
        (folder.path / ARGUMENTS).touch(mode=0o600)
        (folder.path / ARGUMENTS).write_bytes(b"".join(os.fsencode(w) + b"\0" for w in command.arguments(box)))
        return run

    def _image(self, folder: ContainerFolder, config: ContainerConfig) -> tuple[tree.Layout, Image, ImageStatus, str]:
        """The file system, how the image is run, and the home of its user. Raises RuntimeFailure, OSError."""
        etc = tree.make_etc(self._etc)
        with self.images.kept_all():  # until it is noted that this container needs it
            found = self.images.unpacked(config.image)
            if found is not None:
                note = {"root": str(found.root), "chain": found.chain, "hostTools": found.base is not None}
                atomic_write(folder.path / IMAGE_FILE, compact(note))
        if found is None:
            image, status = self.images.emulated(config.image)
            return tree.Layout(folder.path, etc), image, status, "/" if config.security.user else "/root"
        home = found.settings.env.get("HOME") or unpacked.identity(found, config.security, etc)[1]
        return self._layout(folder.path), found.settings, found.status, home

    def _layout(self, folder: Path) -> tree.Layout:
        image = image_of(folder)
        if image is None:
            return tree.Layout(folder, self._etc)
        return tree.Layout(folder, self._etc, Path(image["root"]), image["hostTools"])

    def _check(self, container: Container, word: str) -> None:
        layout = self._layout(container.folder.path)
        finder = tree.Finder(layout, container.config.mounts, visible())
        find_program(word, dict(container.run.env), container.run.working_dir, finder.find)


def visible() -> tuple[tuple[str, str], ...]:
    """What emulated programs need of this installation, and where they find it: the programs, and the interpreter
    where that is not the system's own."""
    return _visible(os.geteuid())


@cache
def _visible(_user: int) -> tuple[tuple[str, str], ...]:
    prefix, images = os.path.realpath(sys.base_prefix), str(Path(__file__).resolve().parent.parent / "images")
    found = [(images, f"{OWN}/images")]
    if prefix != "/usr" and not prefix.startswith("/usr/"):
        found.append((prefix, f"{OWN}/python"))
    return tuple(place for place in found if os.access(place[0], os.X_OK))


def handing_on(image: Image, variables: Iterable[str]) -> Image:
    """The image with a shell that hands on all of these, as the real image's does. Some drop names that they could not
    use themselves; bash does not."""
    if SHELL not in image.links or all(name.isidentifier() for name in variables) or not _on_host("bash"):
        return image
    return replace(image, links={**image.links, SHELL: _on_host("bash")})


@cache
def _on_host(program: str) -> str:
    return shutil.which(program, path="/usr/bin:/bin") or ""


def commands(image: Image, name: str) -> dict[str, str]:
    """The image's own programs as scripts."""
    return {path: _script(program, name) for path, program in image.programs.items()}


def _script(program: Program, name: str) -> str:
    words = [_inside(word) for word in command_of(program)]
    lines = ["#!/bin/sh"]
    if program.script is not None:
        lines.append(f"export {ROOT}=/ {IMAGE}={shlex.quote(name)}")
    if sysconfig.get_config_var("Py_ENABLE_SHARED") and words[0].startswith(OWN):
        lines.append(f"export LD_LIBRARY_PATH={OWN}/python/lib")  # its own is written into it as it is on the host
    return "\n".join([*lines, f'exec {shlex.join(words)} "$@"', ""])


def _inside(word: str) -> str:
    """A path of the host's as the container has it."""
    real = os.path.realpath(word) if word.startswith("/") else word
    for source, place in visible():
        if real.startswith(source + "/"):
            return place + real[len(source) :]
    return word
