"""Local ports that lead to a pod: listeners, and a relay for every connection.

Source: client-go `tools/portforward/portforward.go`.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import selectors
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from minikctl.api.errors import ApiError
from minikctl.client import Stream
from minikctl.kubectl.command import Invocation
from minikctl.util.errors import EnvironmentProblem, UsageError

DATA_IN, DATA_OUT, STATUS = 0, 1, 3
LOST = "lost connection to pod"
PATIENCE = 60.0
"""Seconds for which a connection waits for another pod."""


@dataclass
class Port:
    """A local port (0: any free one) and the pod's."""

    local: int
    remote: int

    def __str__(self) -> str:
        return f"{{{self.local} {self.remote}}}"


@dataclass(frozen=True)
class Address:
    """Where to listen. `optional`: one of the addresses that `localhost` stands for, of which one is enough."""

    host: str
    optional: bool = False

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    def with_port(self, port: int) -> str:
        return f"[{self.host}]:{port}" if ":" in self.host else f"{self.host}:{port}"


def parse_ports(words: Sequence[str]) -> list[Port]:
    """`LOCAL:REMOTE`, `PORT`, `:REMOTE`. Raises UsageError."""
    found = []
    for word in words:
        parts = word.split(":")
        if len(parts) > 2:
            raise UsageError(f"invalid port format '{word}'")
        local, remote = (parts[0] or "0") if len(parts) == 2 else parts[0], parts[-1]
        port = Port(_number("local", local), _number("remote", remote))
        if port.remote == 0:
            raise UsageError("remote port must be > 0")
        found.append(port)
    return found


def _number(which: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        why = f'strconv.ParseUint: parsing "{text}": invalid syntax'
    elif int(text) > 65535:
        why = f'strconv.ParseUint: parsing "{text}": value out of range'
    else:
        return int(text)
    raise UsageError(f"error parsing {which} port '{text}': {why}")


def parse_addresses(words: Sequence[str]) -> list[Address]:
    """IP addresses and `localhost`, sorted. Raises UsageError."""
    if not words:
        raise UsageError("you must specify at least 1 address")
    found: dict[str, Address] = {}
    for word in words:
        if word == "localhost":
            for host in ("127.0.0.1", "::1"):
                found.setdefault(host, Address(host, optional=True))
            continue
        try:
            ipaddress.ip_address(word)
        except ValueError:
            raise UsageError(f"{word} is not a valid IP") from None
        found[word] = Address(word)
    return [found[host] for host in sorted(found)]


Another = Callable[[], tuple[str, list[int]]]
"""The pod to go on with, and its port for each of the local ones, in order."""


class Forwarder:
    """Forwards until the pod is lost. Every connection has its own stream and threads; `close` ends them all."""

    def __init__(self, call: Invocation, pod: str, namespace: str, addresses: list[Address], ports: list[Port]):
        self._call, self._pod, self._namespace = call, pod, namespace
        self._addresses, self._ports = addresses, ports
        self._selector = selectors.DefaultSelector()
        self._waker, self._wakened = socket.socketpair()
        self._wakened.setblocking(False)
        self._streams: set[Stream] = set()
        self._session: Stream | None = None
        self._is_closed = False
        self._speaking = threading.Lock()
        self._another: Another | None = None
        self._turned = threading.Condition()
        self._turn = 0
        """How often another pod was taken."""

    def open(self) -> None:
        """See that the pod's ports can be forwarded. Raises UsageError."""
        try:
            self._session = self._call.client.connect("pods", self._pod, self._namespace, "portforward", {"port": 0})
        except ApiError as e:
            if e.code != 400:  # older servers do not know of it
                raise UsageError(f"error upgrading connection: unable to upgrade connection: {e.message}") from None
            return
        threading.Thread(target=self._wait_for_end, args=(self._session,), daemon=True).start()

    def _wait_for_end(self, session: Stream) -> None:
        while session.recv() is not None:
            pass
        with contextlib.suppress(OSError):
            self._waker.send(b"x")

    # ------------------------------------------------------------------ listening

    def listen(self) -> None:
        """Raises UsageError when there is no port left to serve."""
        succeeded = False
        for port in self._ports:
            errors = self._listen(port)
            if errors:
                text = "Listeners failed to create with the following errors"
                self._call.err(f"Unable to listen on port {port.local}: {text}: [{' '.join(errors)}]")
            succeeded = succeeded or not errors
        if not succeeded:
            shown = " ".join(map(str, self._ports))
            raise UsageError(f"unable to listen on any of the requested ports: [{shown}]")

    def _listen(self, port: Port) -> list[str]:
        """The reasons why the port cannot be served."""
        errors, optional_errors, optional_successes = [], [], 0
        for address in self._addresses:
            try:
                self._listen_at(address, port)
                optional_successes += address.optional
            except OSError as e:
                network = "tcp6" if address.family == socket.AF_INET6 else "tcp4"
                why = os.strerror(e.errno).lower() if e.errno else str(e)
                text = f"unable to create listener: Error listen {network} {address.with_port(port.local)}: bind: {why}"
                (optional_errors if address.optional else errors).append(text)
        return errors if not optional_errors or optional_successes else [*optional_errors, *errors]

    def _listen_at(self, address: Address, port: Port) -> None:
        """Raises OSError."""
        listener = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if address.family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((address.host, port.local))
            listener.listen(128)
        except BaseException:
            listener.close()
            raise
        port.local = listener.getsockname()[1]
        self._selector.register(listener, selectors.EVENT_READ, port)
        self._say(f"Forwarding from {address.with_port(port.local)} -> {port.remote}")

    # ------------------------------------------------------------------ serving

    def serve(self, another: Another | None = None) -> None:
        """Until the connection to the pod is lost. Raises UsageError then, and what `another` raises."""
        self._selector.register(self._wakened, selectors.EVENT_READ, None)
        self._another = another
        while not self._is_closed:
            for key, _ in self._selector.select():
                if key.data is None:
                    if another is None:
                        raise UsageError(LOST)
                    self._go_on(another)
                    continue
                with contextlib.suppress(OSError):
                    sock, _ = key.fileobj.accept()  # type: ignore[union-attr]
                    threading.Thread(target=self._handle, args=(sock, key.data), daemon=True).start()

    def _go_on(self, another: Another) -> None:
        """With another pod, at the same local ports. Who connects meanwhile waits."""
        if self._session is not None:
            self._session.close()
            self._session = None
        self._pod, numbers = another()
        for port, number in zip(self._ports, numbers, strict=True):
            port.remote = number
        with contextlib.suppress(BlockingIOError):
            while self._wakened.recv(100):
                pass
        self._say(f"Forwarding to pod {self._pod} now")
        self.open()
        with self._turned:
            self._turn += 1
            self._turned.notify_all()

    def _handle(self, sock: socket.socket, port: Port) -> None:
        self._say(f"Handling connection for {port.local}")
        with sock:
            stream = self._connect(port)
            if stream is None:
                return
            self._streams.add(stream)
            try:
                _relay(sock, stream)
            except ApiError as e:
                self._lost(port, e.message)
            finally:
                self._streams.discard(stream)
                stream.close()

    def _connect(self, port: Port) -> Stream | None:
        """To the pod's port; when the pod is gone and there may be another, to that one's. None when it cannot be."""
        turn = self._turn
        while True:
            try:
                options = {"port": port.remote, "ports": [port.remote]}
                return self._call.client.connect("pods", self._pod, self._namespace, "portforward", options)
            except (ApiError, EnvironmentProblem) as e:
                why = e.message if isinstance(e, ApiError) else str(e)
                self._lost(port, f"error forwarding port {port.remote} to pod {self._pod}: {why}")
            if self._another is None or self._turn != turn:
                return None
            with self._turned:
                if not self._turned.wait_for(lambda: self._turn != turn or self._is_closed, PATIENCE):
                    return None

    def _lost(self, port: Port, why: str) -> None:
        if self._is_closed:
            return
        if self._another is None:
            text = f"an error occurred forwarding {port.local} -> {port.remote}: {why}"
            with self._speaking:
                self._call.klog("E", "forwarding.py", f'"Unhandled Error" err={json.dumps(text)}')
        with contextlib.suppress(OSError):
            self._waker.send(b"x")

    def _say(self, text: str) -> None:
        with self._speaking:
            self._call.out(text)
            self._call.env.stdout.flush()

    def close(self) -> None:
        self._is_closed = True
        with self._turned:
            self._turned.notify_all()
        if self._session is not None:
            self._session.close()
        for stream in list(self._streams):
            stream.close()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()
        self._waker.close()


def _relay(sock: socket.socket, stream: Stream) -> None:
    """Pass on what both sides say until the pod's side ends. Raises ApiError for what the pod's side complains of."""

    def send() -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := sock.recv(65536):
                stream.send(DATA_IN, data)
            stream.close_channel(DATA_IN)
            return
        stream.close()

    threading.Thread(target=send, daemon=True).start()
    try:
        while (frame := stream.recv()) is not None:
            channel, data = frame
            if channel == DATA_OUT:
                sock.sendall(data)
            elif channel == STATUS:
                status = json.loads(data)
                if status.get("status") == "Failure":
                    raise ApiError.from_status(status)
                break
    except OSError:
        pass  # the local side is gone
    finally:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
