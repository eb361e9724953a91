"""Sockets to listen on: TCP on this machine alone, and Unix sockets at paths of any length.

The system takes at most 107 bytes as the path of a Unix socket; a longer one is reached through an open descriptor of its folder.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

MAX_PATH = 107
LOCALHOST = "127.0.0.1"


def listen_local(port: int, backlog: int) -> socket.socket:
    """Listen on 127.0.0.1; port 0 takes a free one. Raises OSError when the port is taken."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio asks: no Nagle then
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((LOCALHOST, port))
        sock.listen(backlog)
        return sock
    except BaseException:
        sock.close()
        raise


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """A spelling of the path that fits into a socket address. Raises OSError."""
    if len(os.fsencode(path)) <= MAX_PATH:
        yield str(path)
        return
    fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{path.name}"
    finally:
        os.close(fd)


def listen_unix(path: Path, backlog: int = 128) -> socket.socket:
    """Listen there, for this user only; what an earlier process left at the path is removed. Raises OSError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        with reachable(path) as address:
            sock.bind(address)
        path.chmod(0o600)
        sock.listen(backlog)
        return sock
    except BaseException:
        sock.close()
        raise


def connect_unix(path: Path, timeout: float | None = None) -> socket.socket:
    """Raises OSError: FileNotFoundError and ConnectionRefusedError mean that nobody listens."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        with reachable(path) as address:
            sock.connect(address)
        sock.settimeout(None)
        return sock
    except BaseException:
        sock.close()
        raise
