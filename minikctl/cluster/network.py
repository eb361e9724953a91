"""The process of the cluster network, as the supervisor sees it. It outlives the supervisor, as containers do, because
it has the pods' namespaces; the next one takes it over, with the socket on which it is asked.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from pathlib import Path
from socket import socket

from minikctl.client.state_dir import Cluster
from minikctl.cluster import layout, processes
from minikctl.runtime.network.client import REFUSED, SOCKET, ClusterNetwork
from minikctl.util.sockets import listen_unix

log = logging.getLogger("supervisor")


def is_wanted(cluster: Cluster) -> bool:
    """Only real nodes have one, and only where containers are sandboxed."""
    names = cluster.running_nodes()
    real = any(not cluster.is_simulated(n) for n in names)
    return real and sys.platform.startswith("linux") and os.environ.get("MINIKCTL_RUNTIME") != "process"


def was_refused(status: int | None) -> bool:
    """Whether its process ended (with that status) because this machine does not allow it."""
    return status is not None and os.waitstatus_to_exitcode(status) == REFUSED


class NetworkSocket:
    """Held by the supervisor too: who asks while the network is starting (again) waits instead of being refused."""

    def __init__(self, state_dir: Path):
        self._path = state_dir / "run" / SOCKET
        self._socket: socket | None = None

    def get(self) -> socket:
        """Raises OSError."""
        if self._socket is None:
            self._socket = listen_unix(self._path)
        return self._socket

    def close(self) -> None:
        """There is no network any more."""
        self.let_go()
        self._path.unlink(missing_ok=True)

    def let_go(self) -> None:
        """In a child that has nothing to do with it."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def take_over(self, state_dir: Path) -> tuple[processes.Process, int] | None:
        """The network of a supervisor that was killed, if it answers, and a descriptor that tells of its end."""
        process = processes.read(layout.pid_file(state_dir, layout.NETWORK))
        if process is None or not process.alive:
            return None
        network = ClusterNetwork(self._path)
        with contextlib.suppress(OSError):
            self._socket = network.listener()
            ended = network.watch()
            if network.pid == process.pid:
                log.info("the cluster network has lived on, pid %d", process.pid)
                return process, ended
            os.close(ended)
        self.let_go()
        return None
