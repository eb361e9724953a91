"""Which pod has which address: handed out in turn, so that an address rests for a while before it is used again."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable
from pathlib import Path


class AddressesExhausted(Exception):
    """The node's range is full."""


class AddressPool:
    """The addresses of one IPv4 range. The first (the node's own), the network's and the broadcast one stay unused."""

    def __init__(self, cidr: str, is_free: Callable[[str], bool] = lambda _address: True):
        network = ipaddress.IPv4Network(cidr)
        self.cidr = cidr
        self._first = int(network.network_address) + 2
        self._size = max(network.num_addresses - 3, 1)
        self._is_free = is_free
        self._lock = threading.Lock()
        self._taken: set[str] = set()
        self._next = 0

    def __contains__(self, address: str) -> bool:
        return ipaddress.IPv4Address(address) in ipaddress.IPv4Network(self.cidr)

    def take(self) -> str:
        """An address that nobody has. Raises AddressesExhausted."""
        with self._lock:
            for _ in range(self._size):
                address = str(ipaddress.IPv4Address(self._first + self._next))
                self._next = (self._next + 1) % self._size
                if address not in self._taken and self._is_free(address):
                    self._taken.add(address)
                    return address
        raise AddressesExhausted(f"failed to allocate for range 0: no IP addresses available in range set: {self.cidr}")

    def keep(self, address: str) -> None:
        """Note an address as taken (found at a start); new ones come after it."""
        if not address:
            return
        with self._lock:
            self._taken.add(address)
            offset = int(ipaddress.IPv4Address(address)) - self._first
            if 0 <= offset < self._size:
                self._next = max(self._next, (offset + 1) % self._size)

    def release(self, address: str) -> None:
        with self._lock:
            self._taken.discard(address)


def cluster_range(cluster_uid: str, index: int) -> str:
    """A node's part of 127.0.0.0/8: /24, different (as good as surely) for every cluster and node of a machine."""
    import hashlib

    number = int.from_bytes(hashlib.sha256(cluster_uid.encode()).digest()[:4]) + index
    second, third = 1 + (number >> 8) % 254, number % 256
    return f"127.{second}.{third}.0/24"


def address_is_free(address: str) -> bool:
    """Whether no socket of this machine is bound to a loopback address."""
    wanted = "".join(f"{int(part):02X}" for part in reversed(address.split("."))) + ":"
    for table in ("tcp", "udp"):
        try:
            lines = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        if any(line.split()[1].startswith(wanted) for line in lines):
            return False
    return True
