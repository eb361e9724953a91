"""The process that is the cluster network: it holds the router's namespace, makes pods' namespaces, hands out sockets.

Guarantees:

- One thread; it sleeps until somebody asks. A pod being made holds up nobody else.
- As an ordinary user it is root in a user namespace of its own, which owns all the network namespaces.
- Every pod has a pause process, a child of this one, which the kernel kills when this process ends in any way. Nothing
  of the network outlives it.
- It outlives the supervisor, as containers do; the next supervisor takes it over (`listener`).

Asked over a Unix socket: one line of JSON, answered by one line and perhaps a descriptor. See `client`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minikctl.runtime.network import namespaces, pause, pod
from minikctl.runtime.network.addresses import CONTROL_PLANE, LINK
from minikctl.runtime.network.client import REFUSED
from minikctl.runtime.network.pod import Pod
from minikctl.runtime.network.rtnetlink import LINK as ON_LINK
from minikctl.runtime.network.rtnetlink import Netlink

log = logging.getLogger("network")
LOOPBACK = 1
"""The number of `lo` in every network namespace."""
BACKLOG = 4096
LOOK_SECONDS = 10
"""How often an orphan looks whether its cluster is still there."""
OWN = namespaces.NETWORK | namespaces.HOST_NAME | namespaces.IPC
_SETTINGS = {
    "ip_forward": "1",
    "ip_unprivileged_port_start": "0",
    "ip_nonlocal_bind": "1",
    "conf/all/send_redirects": "0",
    "conf/default/send_redirects": "0",
    "conf/all/rp_filter": "0",
    "conf/default/rp_filter": "0",
}


class Refused(Exception):
    """This machine does not let us make the namespaces."""


def run(state_dir: Path, listener: socket.socket, supervisor: int) -> int:
    """Be the network until SIGTERM; the exit code. `supervisor`: a descriptor that ends when the supervisor does."""
    try:
        router = Router(state_dir / "run")
    except Refused as e:
        log.warning("pods share the machine's loopback network: %s", e)
        return REFUSED
    Holder(state_dir, router, listener, supervisor).serve()
    return 0


class Router:
    """The namespace between the pods, and the pods' own. Made in the calling process, for good. Raises Refused."""

    def __init__(self, folder: Path):
        try:
            namespaces.unshare(OWN) if os.geteuid() == 0 else namespaces.become_root_of_new_users(OWN)
            self.netlink = Netlink()
            self.netlink.up("lo")
            self.netlink.add_address(LOOPBACK, LINK, ON_LINK)
            self.add_address(CONTROL_PLANE)
            for name, value in _SETTINGS.items():
                namespaces.set_network(f"ipv4/{name}", value)
            self._namespace = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            self._pause = pause.install(folder)
            self.pods: dict[str, int] = {}
            self._try_out()
        except OSError as e:
            raise Refused(": ".join(str(part) for part in (e.strerror or e, e.filename) if part)) from None

    def add_address(self, address: str) -> None:
        self.netlink.add_address(LOOPBACK, address)

    def begin_pod(self, wanted: Pod) -> tuple[int, int]:
        """Fork a pod's first process; its pid, and a pipe that ends when the pod is made, after the reason if it is
        not. Raises OSError."""
        netlink = Netlink()
        report, reporting = os.pipe2(os.O_CLOEXEC)
        kinds = namespaces.HOST_NAME | namespaces.IPC
        kinds |= 0 if wanted.host_network else namespaces.NETWORK
        kinds |= namespaces.PROCESSES if wanted.share_processes else 0
        try:
            pid = namespaces.fork(kinds)
            if pid == 0:
                pod.become(wanted, netlink, self._namespace, self._pause, reporting)
        except OSError:
            os.close(report)
            raise
        finally:
            netlink.close()
            os.close(reporting)
        self.pods[wanted.id] = pid
        return pid, report

    def end_pod(self, pod_id: str) -> None:
        """Kill its pause process; the kernel takes away the rest. May be repeated."""
        pid = self.pods.pop(pod_id, None)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

    def reap(self) -> None:
        """Forget pods whose pause process has ended."""
        for pod_id, pid in list(self.pods.items()):
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG) == (0, 0):
                    continue
            self.pods.pop(pod_id, None)

    def socket(self, family: int, kind: int, protocol: int, pod_id: str = "") -> socket.socket:
        """In the router's namespace, or in a pod's. Raises OSError, KeyError."""
        if not pod_id:
            return socket.socket(family, kind, protocol)
        there = os.open(f"/proc/{self.pods[pod_id]}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            namespaces.join(there, namespaces.NETWORK)
            return socket.socket(family, kind, protocol)
        finally:
            namespaces.join(self._namespace, namespaces.NETWORK)
            os.close(there)

    def _try_out(self) -> None:
        """A whole pod, to see that everything is allowed."""
        _, report = self.begin_pod(Pod("trial", "10.244.255.254", CONTROL_PLANE, "trial"))
        with os.fdopen(report, "rb") as f:
            problem = f.read().decode()
        self.end_pod("trial")
        if problem:
            raise Refused(problem)


class Holder:
    """Answers requests. See the module."""

    def __init__(self, state_dir: Path, router: Router, listener: socket.socket, supervisor: int):
        self._state_dir, self._router, self._listener, self._supervisor = state_dir, router, listener, supervisor
        self._poll = select.epoll()
        self._ready: dict[int, Callable[[], None]] = {}
        self._listeners: dict[tuple[str, int], socket.socket] = {}
        self._stopping = self._is_orphan = False

    def serve(self) -> None:
        wake, waking = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(waking)
        signal.signal(signal.SIGCHLD, lambda _n, _f: None)
        signal.signal(signal.SIGTERM, self._stop)
        self._listener.setblocking(False)
        self._watch(wake, lambda: self._woken(wake))
        self._watch(self._listener.fileno(), self._accept)
        self._watch(self._supervisor, self._orphaned)
        log.info("the cluster network is there")
        while not self._stopping:
            for fd, _ in self._poll.poll(LOOK_SECONDS if self._is_orphan else None):
                if fd in self._ready:
                    self._ready[fd]()
            if self._is_orphan and not (self._state_dir / "cluster.json").exists():
                break
        for pod_id in list(self._router.pods):
            self._router.end_pod(pod_id)

    def _stop(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def _woken(self, wake: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(wake, 4096)
        self._router.reap()

    def _orphaned(self) -> None:
        self._is_orphan = True
        self._forget(self._supervisor)
        os.close(self._supervisor)

    def _watch(self, fd: int, ready: Callable[[], None]) -> None:
        self._ready[fd] = ready
        self._poll.register(fd, select.EPOLLIN)

    def _forget(self, fd: int) -> None:
        del self._ready[fd]
        self._poll.unregister(fd)

    # ------------------------------------------------------------------ requests

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            connection.setblocking(True)
            connection.settimeout(1.0)  # the answers are short: who does not take them has died in the middle
            received = bytearray()
            self._watch(connection.fileno(), lambda: self._read(connection, received))

    def _read(self, connection: socket.socket, received: bytearray) -> None:
        try:
            data = connection.recv(65536)
        except OSError:
            data = b""
        received += data
        if not data or len(received) > 65536:
            self._forget(connection.fileno())
            connection.close()
            return
        while (end := received.find(b"\n")) >= 0:
            line = bytes(received[:end])
            del received[: end + 1]
            self._answer(connection, line)

    def _answer(self, connection: socket.socket, line: bytes) -> None:
        try:
            request = json.loads(line)
            if request["do"] == "add_pod":
                self._add_pod(connection, Pod(**request["pod"]))
                return
            answer, given = self._carry_out(request)
        except OSError as e:
            answer, given = {"error": e.strerror or str(e), "errno": e.errno or 0}, None
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            answer, given = {"error": f"not a request: {e!r}"}, None
        _send(connection, answer, given)
        if isinstance(given, socket.socket) and given is not self._listener:
            given.close()

    def _carry_out(self, request: dict[str, Any]) -> tuple[dict[str, Any], socket.socket | None]:
        match request["do"]:
            case "hello":
                return {"pid": os.getpid()}, None
            case "listener":
                return {}, self._listener
            case "listen":
                return {}, self._listen(request["address"], request["port"])
            case "add_address":
                self._router.add_address(request["address"])
                return {}, None
            case "remove_pod":
                self._router.end_pod(request["id"])
                return {}, None
            case "pods":
                return {"pods": self._router.pods}, None
            case "socket":
                pod_id = request.get("pod") or ""
                if pod_id and pod_id not in self._router.pods:
                    raise OSError(19, "the pod has no network")
                return {}, self._router.socket(request["family"], request["type"], request["protocol"], pod_id)
        raise ValueError(f"cannot {request['do']}")

    def _listen(self, address: str, port: int) -> socket.socket:
        """Raises OSError."""
        key = (address, port)
        if key not in self._listeners:
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                sock.bind(key)
                sock.listen(BACKLOG)
            except OSError:
                sock.close()
                raise
            self._listeners[key] = sock
        return self._listeners[key].dup()

    def _add_pod(self, connection: socket.socket, wanted: Pod) -> None:
        self._router.end_pod(wanted.id)
        pid, report = self._router.begin_pod(wanted)
        os.set_blocking(report, False)

        def made() -> None:
            with contextlib.suppress(BlockingIOError):
                problem = os.read(report, 4096).decode()
                self._forget(report)
                os.close(report)
                if problem:
                    self._router.end_pod(wanted.id)
                _send(connection, {"error": problem} if problem else {"pid": pid}, None)

        self._watch(report, made)


def _send(connection: socket.socket, answer: dict[str, Any], given: socket.socket | None) -> None:
    """A client that is gone finds out by itself."""
    with contextlib.suppress(OSError):
        socket.send_fds(connection, [json.dumps(answer).encode() + b"\n"], [given.fileno()] if given else [])
