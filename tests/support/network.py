"""A cluster network for a test: its process, as the supervisor would start it, and a connection to it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from minikctl.runtime.network import client, holder
from minikctl.runtime.network.client import ClusterNetwork
from minikctl.util.sockets import listen_unix


def fork_holder(state_dir: Path) -> tuple[int, int]:
    """Start one: its pid, and the pipe that tells it that its supervisor lives. It needs no memory of ours but code."""
    (state_dir / "run").mkdir(parents=True, exist_ok=True)
    (state_dir / "cluster.json").touch()
    listener = listen_unix(state_dir / "run" / client.SOCKET)
    alive, supervisor = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(supervisor)
            code = holder.run(state_dir, listener, alive)
        finally:
            os._exit(code)
    listener.close()
    os.close(alive)
    return pid, supervisor


@contextlib.contextmanager
def cluster_network(state_dir: Path) -> Iterator[ClusterNetwork | None]:
    """None on machines that refuse it."""
    pid, supervisor = fork_holder(state_dir)
    network = ClusterNetwork.open(state_dir)
    try:
        yield network
    finally:
        if network is not None:
            network.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        os.close(supervisor)
