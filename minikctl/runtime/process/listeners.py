"""Who listens at a port of this machine's loopback addresses (Linux /proc/net/tcp, /proc/net/tcp6)."""

from __future__ import annotations

import os
from collections.abc import Iterable

_LISTEN = "0A"
# As the kernel writes them: 32-bit words, each in the machine's byte order.
_FOUR = {"0100007F": "127.0.0.1", "00000000": "127.0.0.1"}
_SIX = {"00000000000000000000000001000000": "::1", "00000000000000000000000000000000": "::1"}


def parse(table: str, port: int, addresses: dict[str, str]) -> dict[str, str]:
    """Inode of each socket that listens at a port → the loopback address that reaches it."""
    found = {}
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] != _LISTEN:
            continue
        address, _, number = fields[1].partition(":")
        if int(number, 16) == port and address in addresses:
            found[fields[9]] = addresses[address]
    return found


def address_of(port: int, pids: Iterable[int]) -> str | None:
    """The loopback address at which one of these processes listens; None when none does."""
    inodes = parse(_table("tcp"), port, _FOUR) | parse(_table("tcp6"), port, _SIX)
    wanted = {f"socket:[{inode}]": address for inode, address in inodes.items()}
    for pid in pids if wanted else ():
        for link in _links(pid):
            if link in wanted:
                return wanted[link]
    return None


def _table(name: str) -> str:
    try:
        with open(f"/proc/net/{name}") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return ""


def _links(pid: int) -> Iterable[str]:
    """What the process' descriptors are; nothing when it is gone or not ours."""
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        try:
            yield os.readlink(f"{folder}/{name}")
        except OSError:
            continue
