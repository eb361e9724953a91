"""Unix sockets at paths of any length.

The system takes at most 107 bytes; a longer path is reached through an open descriptor of its folder.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

MAX_PATH = 107


@contextlib.contextmanager
def _reachable(path: Path) -> Iterator[str]:
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
        with _reachable(path) as address:
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
        with _reachable(path) as address:
            sock.connect(address)
        sock.settimeout(None)
        return sock
    except BaseException:
        sock.close()
        raise
