"""What others do with the cluster network: pods for the runtime, sockets and the way in for everybody else.

A socket that is made in the router's namespace stays there whatever process has it: bound, it listens on a node's or
the control plane's address; connected, it reaches pods and everything that pods reach.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from socket import AF_INET, MSG_CMSG_CLOEXEC, SOCK_STREAM, recv_fds
from socket import socket as Socket
from typing import Any

from minikctl.runtime.network.pod import Pod
from minikctl.util.sockets import connect_unix

SOCKET = "network.sock"
REFUSED = 3
"""The exit code of its process when this machine does not allow it: there is nothing to start again."""
PATIENCE = 10.0
"""Seconds for an answer: the process may be starting (again)."""


class NetworkFailure(OSError):
    """The cluster network is not there, or refuses."""


class ClusterNetwork:
    """A connection to the cluster network. Every method may be called from any thread and raises NetworkFailure.

    When its process was killed, the next request speaks to the one that came after it: `pid` is another then, and
    everything that was made before is gone (pods, addresses, listening sockets).
    """

    def __init__(self, path: Path):
        self._path = path
        self._lock = threading.Lock()
        self._idle: list[Socket] = []
        self.pid = 0
        """The process that has the router's namespaces."""

    @classmethod
    def open(cls, state_dir: str | Path) -> ClusterNetwork | None:
        """That of a cluster, None when it has none: a process runtime, or a machine that refuses it."""
        network = cls(Path(state_dir) / "run" / SOCKET)
        try:
            network._ask({"do": "hello"})
        except NetworkFailure:
            return None
        return network

    def close(self) -> None:
        """Let go of the connections; the next request makes one again."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def watch(self) -> int:
        """A descriptor that can be read when the process that is the network now has ended; the caller closes it."""
        self._ask({"do": "hello"})
        try:
            return os.pidfd_open(self.pid)
        except OSError as e:
            raise NetworkFailure(*e.args) from None

    # ------------------------------------------------------------------ sockets

    def socket(self, family: int = AF_INET, kind: int = SOCK_STREAM, protocol: int = 0) -> Socket:
        """A new socket on the router, blocking, neither bound nor connected."""
        return self._socket({"do": "socket", "family": family, "type": kind, "protocol": protocol})

    def pod_socket(self, sandbox_id: str, family: int = AF_INET, kind: int = SOCK_STREAM, protocol: int = 0) -> Socket:
        """The same in a pod's own namespace, where 127.0.0.1 is the pod's."""
        request = {"do": "socket", "family": family, "type": kind, "protocol": protocol, "pod": sandbox_id}
        return self._socket(request)

    def listen(self, address: str, port: int) -> Socket:
        """The socket on which the router listens at one of its own addresses (TCP). It is one for all who ask, and stays
        open with the network: who connects while nobody accepts waits."""
        return self._socket({"do": "listen", "address": address, "port": port})

    def listener(self) -> Socket:
        """The socket on which the network itself is asked: for a supervisor that takes it over."""
        return self._socket({"do": "listener"})

    def _socket(self, request: dict[str, Any]) -> Socket:
        fds = self._ask(request)[1]
        if not fds:
            raise NetworkFailure(0, "no descriptor came: too many files are open")
        return Socket(fileno=fds[0])

    def enter(self) -> None:
        """Have the calling process, which has one thread, join the router's namespaces for good. As an ordinary user it
        is then root among the cluster's networks, and nowhere else."""
        from minikctl.runtime.network import namespaces

        self._ask({"do": "hello"})
        kinds = [("user", namespaces.USERS)] if os.geteuid() else []
        found = []
        try:
            for name, kind in [*kinds, ("net", namespaces.NETWORK)]:
                found.append((os.open(f"/proc/{self.pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC), kind))
            for fd, kind in found:
                namespaces.join(fd, kind)
        except OSError as e:
            raise NetworkFailure(*e.args) from None
        finally:
            for fd, _ in found:
                os.close(fd)

    # ------------------------------------------------------------------ addresses and pods

    def add_address(self, address: str) -> None:
        """Have the router itself be this address. May be repeated."""
        self._ask({"do": "add_address", "address": address})

    def add_pod(self, wanted: Pod) -> int:
        """Make a pod's namespaces and connect them; the pid of its pause process, which has them."""
        return int(self._ask({"do": "add_pod", "pod": asdict(wanted)})[0]["pid"])

    def remove_pod(self, sandbox_id: str) -> None:
        """End its pause process. May be repeated."""
        self._ask({"do": "remove_pod", "id": sandbox_id})

    def pods(self) -> Mapping[str, int]:
        """Every pod that there is, with the pid of its pause process."""
        found: dict[str, int] = self._ask({"do": "pods"})[0]["pods"]
        return found

    # ------------------------------------------------------------------ asking

    def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        """Each request has a connection for itself while it lasts: making a pod takes a while."""
        line = json.dumps(request).encode() + b"\n"
        try:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is not None:
                with contextlib.suppress(ConnectionError):
                    return self._exchange(connection, line)
                self.close()  # those that were opened to an earlier process
            return self._exchange(self._connect(), line)
        except NetworkFailure:
            raise
        except (OSError, ValueError) as e:
            why = getattr(e, "strerror", "") or str(e)
            raise NetworkFailure(getattr(e, "errno", 0) or 0, f"the cluster network does not answer: {why}") from None

    def _connect(self) -> Socket:
        connection = connect_unix(self._path, PATIENCE)
        connection.settimeout(PATIENCE)
        self.pid = int(_say(connection, b'{"do": "hello"}\n')[0]["pid"])
        return connection

    def _exchange(self, connection: Socket, line: bytes) -> tuple[dict[str, Any], list[int]]:
        try:
            answer, fds = _say(connection, line)
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)
        if "error" in answer:
            raise NetworkFailure(int(answer.get("errno") or 0), str(answer["error"]))
        return answer, fds


def _say(connection: Socket, line: bytes) -> tuple[dict[str, Any], list[int]]:
    """One request; what is answered, and the descriptors that come with it. Raises OSError, ValueError."""
    connection.sendall(line)
    received, fds = b"", []
    while not received.endswith(b"\n"):
        data, found, _, _ = recv_fds(connection, 65536, 1, MSG_CMSG_CLOEXEC)
        fds += found
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        received += data
    return json.loads(received), fds
