"""Links, addresses and routes by the kernel's own protocol: rtnetlink(7). IPv4 only, the few requests that pods need.

A socket belongs to the network namespace in which it was made, also when its owner is elsewhere later.
"""

from __future__ import annotations

import os
import socket
import struct

_REQUEST, _ACK, _REPLACE, _EXCLUSIVE, _CREATE = 0x1, 0x4, 0x100, 0x200, 0x400
_ERROR = 2
_NEW_LINK, _DEL_LINK, _GET_LINK, _NEW_ADDRESS, _NEW_ROUTE, _DEL_ROUTE = 16, 17, 18, 20, 24, 25
_HEADER = 16
_IFLA_NAME, _IFLA_INFO, _IFLA_NAMESPACE = 3, 18, 28
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_TO, _RTA_DEVICE, _RTA_VIA, _RTA_SOURCE = 1, 4, 5, 7
_UP = 1
_MAIN, _LOCAL = 254, 255
_BOOT = 3
_UNICAST, _TO_US, _UNREACHABLE = 1, 2, 7
UNIVERSE, LINK, HOST = 0, 253, 254
"""How far an address or a route reaches."""


class Netlink:
    """Requests in the network namespace in which this was made. Every method raises OSError when the kernel refuses."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._serial = 0

    def close(self) -> None:
        self._socket.close()

    def add_pair(self, name: str, peer: str, peer_namespace: int) -> None:
        """Two connected interfaces: `name` here, `peer` in the namespace of that descriptor."""
        other = _link(0) + _text(_IFLA_NAME, peer) + _attribute(_IFLA_NAMESPACE, struct.pack("=I", peer_namespace))
        data = _attribute(_INFO_DATA, _attribute(_VETH_PEER, other))
        info = _attribute(_IFLA_INFO, _text(_INFO_KIND, "veth") + data)
        self._ask(_NEW_LINK, _CREATE | _EXCLUSIVE, _link(0) + _text(_IFLA_NAME, name) + info)

    def delete(self, name: str) -> None:
        self._ask(_DEL_LINK, 0, _link(0) + _text(_IFLA_NAME, name))

    def up(self, name: str) -> None:
        self._ask(_NEW_LINK, 0, _link(0, _UP) + _text(_IFLA_NAME, name))

    def add_address(self, interface: int, address: str, scope: int = UNIVERSE) -> None:
        """The address alone, without a network around it. It may be there already."""
        raw = socket.inet_aton(address)
        body = struct.pack("=BBBBI", socket.AF_INET, 32, 0, scope, interface)
        body += _attribute(_IFA_LOCAL, raw) + _attribute(_IFA_ADDRESS, raw)
        self._ask(_NEW_ADDRESS, _CREATE | _REPLACE, body)

    def add_route(self, to: str, interface: int, *, via: str = "", source: str = "", local: bool = False) -> None:
        """`to`: `a.b.c.d/bits`. `local`: packets for these addresses are for us. Replaces a route that is there."""
        self._route(_NEW_ROUTE, _CREATE | _REPLACE, to, interface, via, source, local)

    def delete_route(self, to: str, interface: int, *, local: bool = False) -> None:
        self._route(_DEL_ROUTE, 0, to, interface, "", "", local)

    def add_end(self, to: str) -> None:
        """Packets for these addresses go nowhere, and their senders are told so, unless there is a longer route."""
        self._route(_NEW_ROUTE, _CREATE | _REPLACE, to, 0, "", "", False)

    def _route(self, what: int, flags: int, to: str, interface: int, via: str, source: str, local: bool) -> None:
        """interface 0: the route of an end."""
        network, _, bits = to.partition("/")
        scope = HOST if local else UNIVERSE if via or not interface else LINK
        table, kind = (_LOCAL, _TO_US) if local else (_MAIN, _UNICAST if interface else _UNREACHABLE)
        body = struct.pack("=BBBBBBBBI", socket.AF_INET, int(bits), 0, 0, table, _BOOT, scope, kind, 0)
        if int(bits):
            body += _attribute(_RTA_TO, socket.inet_aton(network))
        if interface:
            body += _attribute(_RTA_DEVICE, struct.pack("=I", interface))
        for key, address in ((_RTA_VIA, via), (_RTA_SOURCE, source)):
            body += _attribute(key, socket.inet_aton(address)) if address else b""
        self._ask(what, flags, body)

    def index_of(self, name: str) -> int:
        """The number of an interface."""
        answer = self._ask(_GET_LINK, 0, _link(0) + _text(_IFLA_NAME, name))
        index: int = struct.unpack_from("=i", answer, _HEADER + 4)[0]
        return index

    def _ask(self, kind: int, flags: int, body: bytes) -> bytes:
        """The first answer that is more than a confirmation."""
        self._serial += 1
        flags |= _REQUEST | (0 if kind == _GET_LINK else _ACK)
        self._socket.send(struct.pack("=IHHII", _HEADER + len(body), kind, flags, self._serial, 0) + body)
        while True:
            answer = self._socket.recv(65536)
            _, answered, _, serial, _, error = struct.unpack_from("=IHHIIi", answer)
            if serial == self._serial:
                break
        if answered == _ERROR and error:
            raise OSError(-error, os.strerror(-error))
        return answer


def _link(index: int, flags: int = 0) -> bytes:
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, flags)


def _attribute(key: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), key) + value + b"\0" * (-len(value) % 4)


def _text(key: int, value: str) -> bytes:
    return _attribute(key, value.encode() + b"\0")
