"""The pods of one node in the cluster network: each has a pause process that holds its namespaces.

A pod whose pause process ends without our asking is lost: its network is gone, and with it all that it was to others.
This is told at once; so is the end of the whole cluster network, which takes all pods along.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping

from minikctl.runtime.interface import LOCALHOST, RuntimeFailure, SandboxConfig, SandboxStatus
from minikctl.runtime.network.addresses import gateway
from minikctl.runtime.network.client import ClusterNetwork, NetworkFailure
from minikctl.runtime.network.pod import Pod
from minikctl.runtime.process.loop import Loop

log = logging.getLogger("runtime")
LATER = 1.0
"""Seconds after which a network that does not come back is asked for again."""


class PodNetwork:
    """See the module. `lost` is called in the loop's thread with the id of a sandbox."""

    def __init__(
        self, network: ClusterNetwork, node: str, address: str, cidr: str, loop: Loop, lost: Callable[[str], None]
    ):
        self._network, self._node, self._address, self._gateway = network, node, address, gateway(cidr)
        self._loop, self._lost = loop, lost
        self._pauses: dict[str, tuple[int, int]] = {}
        """Sandbox → its pause process, and the descriptor that tells of its end."""
        self._found: Mapping[str, int] = {}
        self._end_of_network = -1
        self._stopped = False

    def start(self) -> None:
        """Have the node's addresses, and find the pods that an earlier agent left."""
        try:
            self._settle()
            self._found = self._network.pods()
        except NetworkFailure as e:
            log.error("%s", e.strerror)
            self._loop.later(LATER, self._settle_again)

    def _settle(self) -> None:
        for address in (self._address, self._gateway):
            self._network.add_address(address)
        self._end_of_network = self._network.watch()
        self._loop.add(self._end_of_network, self._network_ended)

    def _network_ended(self) -> None:
        log.warning("the cluster network has ended: its pods are made anew")
        self._forget(self._end_of_network)
        self._end_of_network = -1
        self._settle_again()

    def _settle_again(self) -> None:
        """In a thread of its own, since the network is starting."""

        def settle() -> None:
            try:
                self._settle()
            except NetworkFailure as e:
                log.error("%s", e.strerror)
                self._loop.later(LATER, self._settle_again)

        if not self._stopped:
            threading.Thread(target=settle, name="network", daemon=True).start()

    def stop(self) -> None:
        """Let go. Pods stay."""
        if self._stopped:
            return
        self._stopped = True
        for _, ended in self._pauses.values():
            self._forget(ended)
        if self._end_of_network >= 0:
            self._forget(self._end_of_network)
        self._network.close()

    # ------------------------------------------------------------------ pods

    def begin(self, sandbox: SandboxStatus, config: SandboxConfig, environment: Mapping[str, str]) -> None:
        """Make a pod's namespaces. Raises RuntimeFailure."""
        hostname = self._node if config.host_network else config.hostname or config.name
        wanted = Pod(
            sandbox.id,
            sandbox.ip,
            self._gateway,
            hostname,
            config.host_network,
            config.share_processes,
            environment,
            config.sysctls,
        )
        try:
            self._watch(sandbox.id, self._network.add_pod(wanted))
        except OSError as e:
            self.end(sandbox.id)  # it may have been made in spite of all
            raise RuntimeFailure(f'failed to setup network for sandbox "{sandbox.id}": {e.strerror}') from None

    def adopt(self, sandbox_id: str) -> bool:
        """A pod of an earlier agent; False when it is lost."""
        pid = self._found.get(sandbox_id, 0)
        try:
            if pid:
                self._watch(sandbox_id, pid)
            return bool(pid)
        except OSError:
            return False

    def end(self, sandbox_id: str) -> None:
        """Take its namespaces away, when the last process in them has ended. May be repeated."""
        _, ended = self._pauses.pop(sandbox_id, (0, -1))
        if ended >= 0:
            self._forget(ended)
        with contextlib.suppress(NetworkFailure):
            self._network.remove_pod(sandbox_id)

    def pause(self, sandbox_id: str) -> int:
        """The pid of its pause process. Raises RuntimeFailure."""
        pid, _ = self._pauses.get(sandbox_id, (0, -1))
        if not pid:
            raise RuntimeFailure(f'the network of sandbox "{sandbox_id}" is gone')
        return pid

    def dial(self, sandbox: SandboxStatus, host: str, port: int, timeout: float) -> socket.socket:
        """As `Runtime.dial`. Raises OSError."""
        if host == LOCALHOST:
            sock, host = self._network.pod_socket(sandbox.id), "127.0.0.1"
        else:
            sock = self._network.socket()
        try:
            sock.settimeout(timeout)
            sock.connect((host or sandbox.ip or self._address, port))
            return sock
        except BaseException:
            sock.close()
            raise

    def _watch(self, sandbox_id: str, pid: int) -> None:
        ended = os.pidfd_open(pid)
        self._pauses[sandbox_id] = pid, ended
        self._loop.add(ended, lambda: self._pause_ended(sandbox_id, ended))

    def _pause_ended(self, sandbox_id: str, ended: int) -> None:
        if self._pauses.get(sandbox_id, (0, -1))[1] == ended:
            del self._pauses[sandbox_id]
            self._forget(ended)
            self._lost(sandbox_id)

    def _forget(self, fd: int) -> None:
        self._loop.remove(fd)
        os.close(fd)
