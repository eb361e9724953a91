"""Connection tracking entries of UDP that lead to an endpoint that is gone: they would live on as long as the client
sends. Read and deleted over netlink (there is no need of the program `conntrack`).

Source: Linux uapi `nfnetlink_conntrack.h`; Kubernetes `pkg/proxy/conntrack/cleanup.go` for which entries are stale.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from minikctl.proxy.rules import Address, Target

NETLINK_NETFILTER = 12
GET, DELETE = (1 << 8) | 1, (1 << 8) | 2
REQUEST, ACK, DUMP = 1, 4, 0x300
TUPLE_ORIG, TUPLE_REPLY = 1, 2
TUPLE_IP, TUPLE_PROTO = 1, 2
IP_SRC, IP_DST = 1, 2
PROTO_NUM, PROTO_SRC_PORT, PROTO_DST_PORT = 1, 2, 3
NLMSG_ERROR, NLMSG_DONE = 2, 3
NESTED = 0x3FFF
"""The type without its flags."""
Socket = Callable[[], socket.socket]


@dataclass(frozen=True, slots=True)
class Entry:
    """A tracked UDP flow: where it was sent, and who answers (the endpoint, when it was led to one)."""

    to: Address
    answers: Address
    original: bytes
    """The tuple as the kernel wrote it, to name the entry by."""


def netlink() -> socket.socket:
    """Raises OSError."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)


def stale(entry: Entry, fronts: Mapping[Address, frozenset[Address]]) -> bool:
    """Whether a flow to a Service's address is led to what is no endpoint of it. `fronts`: UDP addresses of targets."""
    known = fronts.get(entry.to)
    return known is not None and entry.answers not in known


def udp_fronts(targets: Iterable[Target], node_addresses: Iterable[str]) -> dict[Address, frozenset[Address]]:
    """Every UDP address of the targets and the endpoints behind it. A target without endpoints leads nowhere, and what
    was led somewhere before is stale."""
    nodes = list(node_addresses)
    found = {}
    for target in targets:
        if target.protocol == "udp":
            behind = frozenset((e.ip, e.port) for e in target.everywhere())
            node_ports = [(a, target.node_port) for a in nodes] if target.node_port else []
            for front in (*target.cluster_fronts, *target.fronts, *node_ports):
                found[front] = behind
    return found


def clean(fronts: Mapping[Address, frozenset[Address]], connect: Socket = netlink) -> int:
    """Forget the stale flows; how many there were. Raises OSError."""
    if not fronts:
        return 0
    with connect() as sock:
        sock.settimeout(5)
        gone = [e for e in _udp_entries(sock) if stale(e, fronts)]
        for entry in gone:
            _delete(sock, entry)
    return len(gone)


# ---------------------------------------------------------------------- netlink


def _message(kind: int, flags: int, payload: bytes = b"") -> bytes:
    body = struct.pack("=BBH", socket.AF_INET, 0, 0) + payload
    return struct.pack("=IHHII", 16 + len(body), kind, flags | REQUEST, 1, 0) + body


def _attributes(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(type, value, the attribute as it stands)."""
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            return
        end = at + ((length + 3) & ~3)
        yield kind & NESTED, data[at + 4 : at + length], data[at:end]
        at = end


def _udp_entries(sock: socket.socket) -> list[Entry]:
    sock.send(_message(GET, DUMP))
    found: list[Entry] = []
    while True:
        data = sock.recv(1 << 18)
        at = 0
        while at + 16 <= len(data):
            length, kind = struct.unpack_from("=IH", data, at)
            if kind in (NLMSG_DONE, NLMSG_ERROR) or length < 16:
                return found
            entry = _entry(data[at + 20 : at + length])
            if entry is not None:
                found.append(entry)
            at += (length + 3) & ~3


def _entry(data: bytes) -> Entry | None:
    tuples = {kind: (value, whole) for kind, value, whole in _attributes(data)}
    if TUPLE_ORIG not in tuples or TUPLE_REPLY not in tuples:
        return None
    original, reply = _tuple(tuples[TUPLE_ORIG][0]), _tuple(tuples[TUPLE_REPLY][0])
    if original is None or reply is None:
        return None
    return Entry(original[1], reply[0], tuples[TUPLE_ORIG][1])


def _tuple(data: bytes) -> tuple[Address, Address] | None:
    """(source, destination) of a UDP tuple."""
    parts = {kind: value for kind, value, _ in _attributes(data)}
    ip = {kind: value for kind, value, _ in _attributes(parts.get(TUPLE_IP, b""))}
    proto = {kind: value for kind, value, _ in _attributes(parts.get(TUPLE_PROTO, b""))}
    if IP_SRC not in ip or proto.get(PROTO_NUM) != bytes([socket.IPPROTO_UDP]):
        return None
    source, dest = (int.from_bytes(proto[k][:2], "big") for k in (PROTO_SRC_PORT, PROTO_DST_PORT))
    return (socket.inet_ntoa(ip[IP_SRC]), source), (socket.inet_ntoa(ip[IP_DST]), dest)


def _delete(sock: socket.socket, entry: Entry) -> None:
    sock.send(_message(DELETE, ACK, entry.original))
    sock.recv(4096)  # an entry that has ended meanwhile is an error that does not matter
