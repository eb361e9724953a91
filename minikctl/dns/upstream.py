"""The host's own resolvers, for names that are not the cluster's.

The sockets are made on the host's side, so that a resolver on its loopback (systemd-resolved) is reached too.
"""

from __future__ import annotations

import contextlib
import errno
import random
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

from minikctl.dns import message

TRY_SECONDS = 1.5
"""How long one resolver has before the next is asked."""
MOST_WAITING = 1000
"""Questions under way; more are refused (CoreDNS' max_concurrent)."""
MOST_RESOLVERS = 3

Reply = Callable[[bytes | None], None]
"""Gets the upstream's packet, or None when nobody answered."""


def resolvers(path: Path = Path("/etc/resolv.conf")) -> list[str]:
    """Addresses of the name servers of a resolv.conf; none when it has none or cannot be read."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    return [w[1] for w in words if len(w) > 1 and w[0] == "nameserver"][:MOST_RESOLVERS]


class _Question:
    __slots__ = ("due", "packet", "reply", "server")

    def __init__(self, packet: bytes, reply: Reply):
        self.packet, self.reply = packet, reply
        self.server, self.due = 0, 0.0


def own_socket(server: str, kind: int) -> socket.socket:
    """A socket of this process' network namespace, for an address of either family."""
    return socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, kind)


class Upstream:
    """Asks by UDP without blocking: `sockets` are to be polled and given to `receive`, `tick` is to be called often.

    new_socket: where sockets for (address, SOCK_DGRAM or SOCK_STREAM) come from; a server that it refuses is left out.
    """

    def __init__(
        self, servers: list[str], port: int = 53, new_socket: Callable[[str, int], socket.socket] = own_socket
    ):
        self._waiting: dict[int, _Question] = {}
        self._random = random.SystemRandom()
        self.servers: list[str] = []
        self._port, self._new_socket = port, new_socket
        self.sockets: list[socket.socket] = []
        for server in servers:
            with contextlib.suppress(OSError):
                sock = new_socket(server, socket.SOCK_DGRAM)
                sock.setblocking(False)
                sock.connect((server, port))
                self.servers.append(server)
                self.sockets.append(sock)

    def ask(self, packet: bytes, reply: Reply) -> None:
        """Send a question on under a number of our own; `reply` is called once, now or later."""
        if not self.sockets or len(self._waiting) >= MOST_WAITING:
            reply(None)
            return
        number = self._random.getrandbits(16)
        while number in self._waiting:
            number = self._random.getrandbits(16)
        question = _Question(packet, reply)
        self._waiting[number] = question
        self._send(number, question)

    def receive(self, sock: socket.socket) -> None:
        """Read what has come; packets that nobody asked for are dropped."""
        while True:
            try:
                packet = sock.recv(65535)
            except OSError as e:
                if e.errno not in (errno.EAGAIN, errno.EINTR):
                    self._refused(sock)
                return
            if len(packet) < message.HEADER:
                continue
            (number,) = struct.unpack_from("!H", packet)
            question = self._waiting.get(number)
            if question is not None and message.same_question(question.packet, packet):
                del self._waiting[number]
                question.reply(question.packet[:2] + packet[2:])

    def tick(self) -> float | None:
        """Ask the next resolver where one was silent; seconds until this is to be called again."""
        now = time.monotonic()
        for number, question in list(self._waiting.items()):
            if question.due <= now:
                self._next(number, question)
        return min((q.due for q in self._waiting.values()), default=now + 3600) - now if self._waiting else None

    def ask_by_tcp(self, packet: bytes) -> bytes | None:
        """The same in one go, blocking, for clients that came by TCP."""
        for server in self.servers:
            try:
                with self._new_socket(server, socket.SOCK_STREAM) as connection:
                    connection.settimeout(TRY_SECONDS)
                    connection.connect((server, self._port))
                    connection.sendall(struct.pack("!H", len(packet)) + packet)
                    with connection.makefile("rb") as stream:
                        (size,) = struct.unpack("!H", stream.read(2))
                        answer = stream.read(size)
            except (OSError, struct.error):
                continue
            if len(answer) == size and answer[:2] == packet[:2] and message.same_question(packet, answer):
                return answer
        return None

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()

    def _send(self, number: int, question: _Question) -> None:
        question.due = time.monotonic() + TRY_SECONDS
        try:
            self.sockets[question.server].send(struct.pack("!H", number) + question.packet[2:])
        except OSError:
            self._next(number, question)

    def _next(self, number: int, question: _Question) -> None:
        question.server += 1
        if question.server < len(self.sockets):
            self._send(number, question)
            return
        self._waiting.pop(number, None)
        question.reply(None)

    def _refused(self, sock: socket.socket) -> None:
        """Nobody listens there: do not wait for that one."""
        server = self.sockets.index(sock)
        for number, question in list(self._waiting.items()):
            if question.server == server:
                self._next(number, question)
