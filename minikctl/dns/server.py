"""The DNS server: one thread for UDP, one for each of a few TCP connections.

Guarantees: a packet of any bytes gets an answer, a refusal or nothing, and the server goes on; a TCP client that is slow
loses its connection after IDLE_SECONDS; with MOST_CONNECTIONS open, the one that is quiet longest makes room.

Answers are kept as packets, by the bytes of the question, until any record changes: most questions cost a look-up.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable

from minikctl.dns import message
from minikctl.dns.answer import NO_DATA, Answer, answer
from minikctl.dns.message import Query
from minikctl.dns.records import Records
from minikctl.dns.upstream import Upstream

log = logging.getLogger("dns")
MOST_KEPT = 4096
"""Questions whose answers are kept."""
TURNS = 8
"""Orders of addresses that are kept of one answer."""
BATCH = 64
IDLE_SECONDS = 10.0
MOST_CONNECTIONS = 64
LONGEST = 65535

Send = Callable[[bytes], None]


class Server:
    """Answers on sockets that the caller has bound (`udp`) and made to listen (`tcp`)."""

    def __init__(self, records: Records, udp: socket.socket, tcp: socket.socket, upstream: Upstream, host: str = ""):
        self._records, self._udp, self._tcp, self._upstream, self._host = records, udp, tcp, upstream, host
        self._kept: dict[bytes, list[bytes]] = {}
        self._turn = 0
        self._generation = 0
        self._serial = int(time.time())
        self._connections: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        self._wake, self._wake_in = os.pipe()
        os.set_blocking(self._wake_in, False)
        self._stopping = False
        records.on_change(self._changed)

    def run(self) -> None:
        """Answer until `stop` is called from another thread."""
        for sock in (self._udp, self._tcp):
            sock.setblocking(False)
        accepting = threading.Thread(target=self._accept, name="dns-tcp", daemon=True)
        accepting.start()
        poll = select.poll()
        sources = {s.fileno(): s for s in (self._udp, *self._upstream.sockets)}
        for fd in (*sources, self._wake):
            poll.register(fd, select.POLLIN)
        pause: float | None = None
        while not self._stopping:
            for fd, _events in poll.poll(None if pause is None else max(pause, 0.0) * 1000):
                if fd == self._udp.fileno():
                    self._read_udp()
                elif fd in sources:
                    self._upstream.receive(sources[fd])
            pause = self._upstream.tick()
        self._close(accepting)

    def stop(self) -> None:
        self._stopping = True
        with contextlib.suppress(OSError):
            os.write(self._wake_in, b"x")

    # ------------------------------------------------------------------ UDP

    def _read_udp(self) -> None:
        receive, send, kept = self._udp.recvfrom, self._udp.sendto, self._kept
        for _ in range(BATCH):
            try:
                packet, client = receive(4096)
            except OSError:  # nothing more, or an error that a client's machine reported
                return
            known = kept.get(packet[2:])
            if known is not None:
                self._turn += 1
                found: bytes | None = packet[:2] + known[self._turn % len(known)]
            else:
                found = self._respond(packet, lambda reply, to=client: self._send_udp(reply, to))  # type: ignore[misc]
            if found is not None:
                with contextlib.suppress(OSError):
                    send(found, client)

    def _send_udp(self, packet: bytes, client: object) -> None:
        with contextlib.suppress(OSError):
            self._udp.sendto(packet, client)  # type: ignore[call-overload]

    def _respond(self, packet: bytes, later: Send) -> bytes | None:
        """What to send back now, if anything; names of others are asked for, and sent by `later`."""
        generation = self._generation
        query = message.read(packet)
        if query is None or isinstance(query, bytes):
            return query
        found = self._answer(query)
        if found is None:
            self._upstream.ask(packet, lambda reply: later(message.failure(query) if reply is None else reply))
            return None
        if found.elsewhere:
            self._follow(query, found, later)
            return None
        turns = min(len(found.records), TURNS) or 1
        replies = [message.write(query, found, self._serial, turn=t)[2:] for t in range(turns)]
        with self._lock:
            if generation == self._generation:
                if len(self._kept) >= MOST_KEPT:
                    self._kept.clear()
                self._kept[packet[2:]] = replies
        return packet[:2] + replies[0]

    def _answer(self, query: Query) -> Answer | None:
        try:
            return answer(query.name, query.type, self._records, self._host)
        except Exception:  # a bug: one name fails, the others go on
            log.exception("cannot answer %s %s", query.type, query.name)
            return NO_DATA

    def _follow(self, query: Query, found: Answer, later: Send) -> None:
        """Ask for the last name of a chain of CNAMEs; what nobody knows, the client gets the chain of."""
        packet = message.question(found.elsewhere, query.type, 0)

        def done(reply: bytes | None) -> None:
            foreign = message.answers_in(reply) if reply is not None else None
            later(message.write(query, found, self._serial, foreign=foreign or ()))

        self._upstream.ask(packet, done)

    # ------------------------------------------------------------------ TCP

    def _accept(self) -> None:
        poll = select.poll()
        poll.register(self._tcp.fileno(), select.POLLIN)
        while not self._stopping:
            poll.poll(1000 if self._connections else None)
            try:
                connection, _client = self._tcp.accept()
            except BlockingIOError:
                continue
            except OSError:
                return
            with self._lock:
                if len(self._connections) >= MOST_CONNECTIONS:
                    quiet = min(self._connections, key=lambda c: self._connections[c])
                    with contextlib.suppress(OSError):
                        quiet.shutdown(socket.SHUT_RDWR)
                    self._connections.pop(quiet, None)
                self._connections[connection] = time.monotonic()
            threading.Thread(target=self._serve, args=(connection,), name="dns-tcp", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        """Every question of one connection. A whole question has to come within IDLE_SECONDS."""
        try:
            while True:
                deadline = time.monotonic() + IDLE_SECONDS
                (size,) = struct.unpack("!H", _receive(connection, 2, deadline))
                packet = _receive(connection, size, deadline)
                self._connections[connection] = time.monotonic()
                reply = self._respond_tcp(packet)
                if reply is None:
                    return
                connection.sendall(struct.pack("!H", len(reply)) + reply)
        except (OSError, EOFError):
            return
        finally:
            with self._lock:
                self._connections.pop(connection, None)
            connection.close()

    def _respond_tcp(self, packet: bytes) -> bytes | None:
        query = message.read(packet)
        if query is None or isinstance(query, bytes):
            return query
        found = self._answer(query)
        if found is None:
            return self._upstream.ask_by_tcp(packet) or message.failure(query)
        foreign = None
        if found.elsewhere:
            reply = self._upstream.ask_by_tcp(message.question(found.elsewhere, query.type, query.id))
            foreign = message.answers_in(reply) if reply is not None else None
        self._turn += 1
        return message.write(query, found, self._serial, turn=self._turn, udp=False, foreign=foreign or ())

    # ------------------------------------------------------------------ changes, the end

    def _changed(self) -> None:
        with self._lock:
            self._generation += 1
            self._serial = max(self._serial + 1, int(time.time()))
            self._kept.clear()

    def _close(self, accepting: threading.Thread) -> None:
        with contextlib.suppress(OSError):
            self._tcp.shutdown(socket.SHUT_RDWR)
        accepting.join(2)
        for sock in (self._udp, self._tcp, *list(self._connections)):
            with contextlib.suppress(OSError):
                sock.close()
        self._upstream.close()
        for fd in (self._wake, self._wake_in):
            os.close(fd)


def _receive(connection: socket.socket, size: int, deadline: float) -> bytes:
    """Exactly this many bytes. Raises EOFError at the end of the stream, TimeoutError."""
    data = b""
    while len(data) < size:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        more = connection.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data
