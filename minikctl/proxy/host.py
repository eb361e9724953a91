"""The proxy's part on the host's side: a small process that opens listeners on the host's loopback and keeps them open.

The proxy lives in the router's network namespace and asks for the host's listeners here, over a Unix socket; it accepts
connections itself. When it is killed the listeners stay, and connections wait in them for the next proxy.

Asked by datagrams of JSON, answered by one each, with a descriptor where one is asked for:
`{"do": "listen", "protocol", "address", "port"}`, `{"do": "keep", "listeners": [[protocol, address, port]…]}` (close all
others), `{"do": "socket", "protocol"}` (a new one, to reach what is outside the cluster).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import selectors
import signal
import socket
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from minikctl.util.sockets import reachable

log = logging.getLogger("proxy")
SOCKET = "proxy-host.sock"
BACKLOG = 4096
MESSAGE = 200_000
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
Place = tuple[str, str, int]
"""(protocol, address, port)."""


class Listeners:
    """What is open. Not for several threads."""

    def __init__(self) -> None:
        self.open: dict[Place, socket.socket] = {}

    def listen(self, place: Place) -> socket.socket:
        """The listener there, opened now when it is not. Raises OSError."""
        if place not in self.open:
            self.open[place] = listen(place)
        return self.open[place]

    def keep(self, places: Iterable[Place]) -> None:
        """Close all others."""
        wanted = set(places)
        for place in [p for p in self.open if p not in wanted]:
            self.open.pop(place).close()


def listen(place: Place) -> socket.socket:
    """A socket bound there, not blocking; a TCP one listens. Raises OSError."""
    protocol, address, port = place
    sock = socket.socket(socket.AF_INET, KINDS[protocol])
    try:
        if protocol == "tcp":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind((address, port))
        if protocol == "tcp":
            sock.listen(BACKLOG)
        return sock
    except BaseException:
        sock.close()
        raise


# ---------------------------------------------------------------------- the process


def run(state_dir: Path) -> None:
    """Serve until SIGTERM."""
    wake, waking = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(waking)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _n, _f: stopped.set())
    listener = _serve_at(state_dir / "run" / SOCKET)
    log.info("ready to listen for the proxy")
    serve(listener, wake, stopped)


def _serve_at(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    path.unlink(missing_ok=True)
    with reachable(path) as address:
        sock.bind(address)
    path.chmod(0o600)
    sock.listen(16)
    return sock


def serve(listener: socket.socket, wake: int, stopped: threading.Event) -> None:
    """Answer until `stopped` (looked at when `wake` can be read)."""
    listeners = Listeners()
    chosen = selectors.DefaultSelector()
    chosen.register(wake, selectors.EVENT_READ)
    chosen.register(listener, selectors.EVENT_READ)
    while not stopped.is_set():
        for key, _ in chosen.select():
            if key.fileobj is listener:
                with contextlib.suppress(OSError):
                    chosen.register(listener.accept()[0], selectors.EVENT_READ)
            elif isinstance(key.fileobj, socket.socket) and not _answer(key.fileobj, listeners):
                chosen.unregister(key.fileobj)
                key.fileobj.close()
    for key in list(chosen.get_map().values()):
        if isinstance(key.fileobj, socket.socket):
            key.fileobj.close()
    chosen.close()
    for sock in listeners.open.values():
        sock.close()


def _answer(client: socket.socket, listeners: Listeners) -> bool:
    """One request; False at the end."""
    made: socket.socket | None = None
    try:
        data = client.recv(MESSAGE)
        if not data:
            return False
        answer: dict[str, Any] = {}
        fds: list[int] = []
        try:
            request = json.loads(data)
            if request["do"] == "listen":
                fds = [listeners.listen((request["protocol"], request["address"], request["port"])).fileno()]
            elif request["do"] == "keep":
                listeners.keep((p, a, n) for p, a, n in request["listeners"])
            elif request["do"] == "socket":
                made = socket.socket(socket.AF_INET, KINDS[request["protocol"]])
                fds = [made.fileno()]
            else:
                raise ValueError(request["do"])
        except OSError as e:
            answer = {"errno": e.errno or 0, "error": e.strerror or str(e)}
        except (ValueError, KeyError, TypeError, OverflowError) as e:
            answer = {"errno": 0, "error": f"not a request: {e!r}"}
        socket.send_fds(client, [json.dumps(answer).encode()], fds)
        return True
    except OSError:
        return False
    finally:
        if made is not None:
            made.close()


# ---------------------------------------------------------------------- for the proxy


class HostGone(ConnectionError):
    """The process on the host's side is not there. The proxy ends with it; both are started anew."""


class HostSide:
    """The connection to it. For any thread. Raises OSError; HostGone when the process is gone."""

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()
        self._sock: socket.socket | None = None

    @classmethod
    def of(cls, state_dir: Path) -> HostSide:
        return cls(state_dir / "run" / SOCKET)

    def wait(self, timeout: float = 10.0) -> None:
        """Until it can be reached; the last OSError when that takes too long."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                with self._lock:
                    self._connected()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def watch(self) -> int:
        """A descriptor that can be read when the process has ended; the caller closes it."""
        return self._connect().detach()

    def listen(self, protocol: str, address: str, port: int) -> socket.socket:
        """A listener of the host's, not blocking. Raises OSError as bind does."""
        return self._socket({"do": "listen", "protocol": protocol, "address": address, "port": port})

    def keep(self, places: Iterable[Place]) -> None:
        """Close all listeners but these."""
        self._ask({"do": "keep", "listeners": [list(p) for p in places]})

    def new_socket(self, protocol: str) -> socket.socket:
        """A new socket in the host's network namespace, not blocking."""
        sock = self._socket({"do": "socket", "protocol": protocol})
        sock.setblocking(False)
        return sock

    def close(self) -> None:
        with self._lock:
            if self._sock is not None:
                self._sock.close()
                self._sock = None

    def _socket(self, request: dict[str, Any]) -> socket.socket:
        fds = self._ask(request)
        if not fds:
            raise OSError(0, "no descriptor came: too many files are open")
        return socket.socket(fileno=fds[0])

    def _ask(self, request: dict[str, Any]) -> list[int]:
        data = json.dumps(request).encode()
        with self._lock:
            for attempt in range(2):
                try:
                    sock = self._connected()
                    sock.send(data)
                    received, fds, _, _ = socket.recv_fds(sock, MESSAGE, 1, socket.MSG_CMSG_CLOEXEC)
                    if not received:
                        raise ConnectionResetError("the host side has ended")
                    break
                except (ConnectionError, FileNotFoundError) as e:
                    if self._sock is not None:
                        self._sock.close()
                        self._sock = None
                    if attempt:
                        raise HostGone(f"the host's side of the proxy has ended: {e.strerror or e}") from None
        answer = json.loads(received)
        if "error" in answer:
            raise OSError(answer["errno"], answer["error"])
        return fds

    def _connected(self) -> socket.socket:
        if self._sock is None:
            self._sock = self._connect()
        return self._sock

    def _connect(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            sock.settimeout(10)
            with reachable(self.path) as address:
                sock.connect(address)
        except BaseException:
            sock.close()
            raise
        return sock
