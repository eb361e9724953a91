"""Ports that are free for what a test wants, among tests that run at the same time."""

from __future__ import annotations

import socket

TRIES = 50


def udp_and_tcp(address: str = "127.0.0.1") -> tuple[socket.socket, socket.socket]:
    """Sockets of both kinds at one free port; the second one listens. The caller closes them."""
    for last in reversed(range(TRIES)):
        tcp = socket.create_server((address, 0))  # first: what other tests connect with is in its way, not in UDP's
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            udp.close()
            tcp.close()
            if not last:
                raise
        else:
            return udp, tcp
    raise AssertionError("not reached")
