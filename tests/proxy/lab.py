"""A router and pods without a cluster: real namespaces, in which the proxy's backends are put to the test."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from minikctl.proxy.fronts import Fronts, inside_fronts
from minikctl.proxy.nftables import Nftables
from minikctl.proxy.relay.loop import Relay
from minikctl.proxy.rules import BackendFailure, Endpoint, Key, Node, Target
from minikctl.runtime.network.client import ClusterNetwork
from minikctl.runtime.network.pod import Pod

SERVICES = "10.96.0.0/16"
NODES = {
    "node-1": Node(("172.18.0.2",), "10.244.1.0/24", "a"),
    "node-2": Node(("172.18.0.3",), "10.244.2.0/24", "b"),
}
PODS = {"a": "10.244.1.2", "b": "10.244.1.3", "c": "10.244.2.2"}
NODE_OF = {"a": "node-1", "b": "node-1", "c": "node-2"}


class Lab:
    """The router, its nodes and three pods; `in_router` runs a program there."""

    def __init__(self, network: ClusterNetwork):
        self.network = network
        self._servers: list[socket.socket] = []
        for node in NODES.values():
            for address in (*node.addresses, node.pod_cidr.replace(".0/24", ".1")):
                network.add_address(address)
        for name, ip in PODS.items():
            network.add_pod(Pod(name, ip, ip.rpartition(".")[0] + ".1", name))

    def close(self) -> None:
        for server in self._servers:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()

    def in_router(self, command: list[str], text: str = "") -> str:
        namespaces = ["-n"] if os.geteuid() == 0 else ["-U", "--preserve-credentials", "-n"]
        done = subprocess.run(
            ["nsenter", "-t", str(self.network.pid), *namespaces, *command],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise BackendFailure(done.stderr)
        return done.stdout

    def nft(self, text: str, arguments: list[str]) -> str:
        return self.in_router(["nft", *arguments], text)

    # ------------------------------------------------------------------ traffic

    def socket(self, where: str, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """In a pod, or on the router (`""`)."""
        made = self.network.pod_socket(where, kind=kind) if where else self.network.socket(kind=kind)
        made.settimeout(30)
        return made

    def serve(self, pod: str, port: int, name: str = "", address: str = "") -> Endpoint:
        """Answer every TCP connection with the pod's name and the client's address, then echo; UDP the same."""
        for kind, answer in ((socket.SOCK_STREAM, self._tcp), (socket.SOCK_DGRAM, self._udp)):
            sock = self.socket(pod, kind)
            sock.settimeout(None)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address or PODS[pod], port))
            if kind == socket.SOCK_STREAM:
                sock.listen(64)
            self._servers.append(sock)
            threading.Thread(target=answer, args=(sock, name or pod), daemon=True).start()
        return Endpoint(address or PODS[pod], port, NODE_OF.get(pod, ""))

    def _tcp(self, sock: socket.socket, name: str) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, (address, _) = sock.accept()
                threading.Thread(target=_echo, args=(client, f"{name} {address}\n"), daemon=True).start()

    def _udp(self, sock: socket.socket, name: str) -> None:
        with contextlib.suppress(OSError):
            while True:
                data, address = sock.recvfrom(65536)
                if not address:
                    return
                sock.sendto(f"{name} {address[0]}".encode() if data == b"who" else data, address)

    def ask(self, where: str, address: str, port: int) -> str:
        """Who answers a TCP connection, and whom it sees. Raises OSError."""
        with self.socket(where) as sock:
            sock.connect((address, port))
            text = b""
            while not text.endswith(b"\n"):
                data = sock.recv(4096)
                if not data:
                    raise ConnectionResetError("ended early")
                text += data
            return text.decode().strip()

    def who(self, where: str, address: str, port: int) -> str:
        return self.ask(where, address, port).split()[0]

    def all_who(self, where: str, address: str, port: int, times: int = 40) -> set[str]:
        return {self.who(where, address, port) for _ in range(times)}

    def refused(self, where: str, address: str, port: int) -> bool:
        """Whether a connection is refused at once. Raises other OSErrors (a timeout)."""
        try:
            self.who(where, address, port)
        except (ConnectionRefusedError, ConnectionResetError):
            return True
        return False


def _echo(client: socket.socket, greeting: str) -> None:
    with contextlib.suppress(OSError), client:
        client.sendall(greeting.encode())
        while data := client.recv(65536):
            client.sendall(data)


# ---------------------------------------------------------------------- backends


class Served:
    """A backend in the lab, as `proxy` would drive it: `apply` with targets, and everything is in force."""

    def __init__(self, lab: Lab, relay: Relay, fronts: Fronts, backend: Nftables | None):
        self.lab, self.relay, self.fronts, self.backend = lab, relay, fronts, backend
        self.name = backend.name if backend else "userspace"

    def apply(self, *targets: Target) -> None:
        all_of_them: Mapping[Key, Target] = {t.key: t for t in targets}
        if self.backend is not None:
            self.backend.apply(all_of_them, NODES)
        else:
            self.fronts.apply(inside_fronts(all_of_them.values(), NODES), all_of_them, NODES)
        self.settle()

    def settle(self) -> None:
        """Until the relay has done what it was told."""
        done = threading.Event()
        self.relay.call(done.set)
        assert done.wait(5)


@contextlib.contextmanager
def relay_in(lab: Lab) -> Iterator[Relay]:
    def dial(_endpoint: Endpoint, protocol: str) -> socket.socket:
        sock = lab.network.socket(kind=socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
        sock.setblocking(False)
        return sock

    relay = Relay(dial)
    thread = threading.Thread(target=relay.run, daemon=True)
    thread.start()
    try:
        yield relay
    finally:
        relay.stop()
        thread.join(5)


def listener_in(lab: Lab) -> Callable[[tuple[str, str, int]], socket.socket]:
    def listen(place: tuple[str, str, int]) -> socket.socket:
        protocol, address, port = place
        sock = lab.network.socket(kind=socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind((address, port))
        if protocol == "tcp":
            sock.listen(128)
        return sock

    return listen


@contextlib.contextmanager
def served(lab: Lab, backend: str) -> Iterator[Served]:
    """backend: `nftables` or `userspace`."""
    random.seed(1)
    problems: list[object] = []
    with relay_in(lab) as relay:
        fronts = Fronts(relay, None, listener_in(lab), lambda front, e: problems.append((front, e)))
        nft = Nftables(SERVICES, lab.nft) if backend == "nftables" else None
        local = ["local"] if nft is None else []
        lab.in_router(["ip", "route", "add", *local, SERVICES, "dev", "lo"])
        lab.in_router(["ip", "route", "add", *local, "198.51.100.0/24", "dev", "lo"])
        yield Served(lab, relay, fronts, nft)
        assert not problems


def missing_tools(backend: str) -> str:
    """Why the lab cannot be made here; "" when it can."""
    needed = ["nsenter", "ip", *(["nft"] if backend == "nftables" else [])]
    found = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    absent = [p for p in needed if shutil.which(p, path=found) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


def state_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder
