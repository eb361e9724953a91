"""Connections to a pod's ports: to its address, or to its own loopback when nothing listens there.

In Kubernetes a forwarded port is always the pod's localhost, and programs that listen on all addresses are reached that
way too. Here the address comes first, because pods of the process runtime share one loopback.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Mapping
from typing import Any

from minikctl.api.errors import ApiError, bad_request
from minikctl.api.meta import Obj
from minikctl.runtime.interface import LOCALHOST, Runtime
from minikctl.util.frames import CLOSE, ERROR, STDIN, STDOUT, FrameSocket

PATIENCE = 10.0
"""Seconds for a connection to be made."""
SUCCESS: Obj = {"metadata": {}, "status": "Success"}


def dial(runtime: Runtime, sandbox_id: str, request: Mapping[str, Any]) -> socket.socket:
    """Connect to `port`; with `address_only` never to the loopback (the API server's proxy). Raises ApiError."""
    port = request.get("port")
    if not isinstance(port, int) or not 0 < port < 65536:
        raise bad_request(f"port {port!r} is not between 1 and 65535")
    try:
        try:
            return runtime.dial(sandbox_id, "", port, PATIENCE)
        except ConnectionRefusedError:
            if request.get("address_only"):
                raise
            return runtime.dial(sandbox_id, LOCALHOST, port, PATIENCE)
    except OSError as e:
        why = (e.strerror or str(e) or "i/o timeout").lower()
        raise ApiError(500, "", f"failed to connect to localhost:{port} inside the pod: {why}") from None


def hold(connection: FrameSocket) -> None:
    """A connection to no port: it lasts as long as both sides do, and so shows whether ports can be reached."""
    while connection.recv() is not None:
        pass


def pipe(target: socket.socket, connection: FrameSocket) -> None:
    """Pass on what both sides say, each direction until its own end."""
    target.settimeout(None)

    def listen() -> None:
        with contextlib.suppress(OSError):
            while (frame := connection.recv()) is not None:
                if frame[0] == STDIN:
                    target.sendall(frame[1])
                elif frame[0] == CLOSE:
                    target.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    threading.Thread(target=listen, name="kubelet-portforward", daemon=True).start()
    try:
        with contextlib.suppress(ConnectionError):
            while data := target.recv(65536):
                connection.send(STDOUT, data)
        connection.send(ERROR, json.dumps(SUCCESS).encode())
    finally:
        target.close()
