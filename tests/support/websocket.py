"""A WebSocket client for tests: every wait has a deadline, and Kubernetes' subprotocols are let through."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from minikctl.util.spdy import Frame, Framer

SECONDS = 10.0


class _Lenient(ClientConnection):
    """Takes `SPDY/3.1+…` for a subprotocol, which the library does not."""

    def __init__(self, sock: Any, protocol: Any, **more: Any):
        vars(protocol)["process_subprotocol"] = lambda headers: headers.get("Sec-WebSocket-Protocol")
        super().__init__(sock, protocol, **more)


class Socket:
    """One connection. Messages are (channel, data) where the protocol has channels."""

    def __init__(self, connection: ClientConnection):
        self.connection = connection
        self.framer = Framer()
        self._frames: list[Frame] = []

    @property
    def protocol(self) -> str | None:
        return self.connection.subprotocol

    def send(self, channel: int, data: bytes | str) -> None:
        self.connection.send(bytes((channel,)) + (data.encode() if isinstance(data, str) else data))

    def recv(self) -> tuple[int, bytes]:
        message = self.connection.recv(timeout=SECONDS)
        assert isinstance(message, bytes)
        return message[0], message[1:]

    def until(self, text: bytes, channel: int = 1) -> bytes:
        """Read a channel until it has said this."""
        seen = b""
        while text not in seen:
            one, data = self.recv()
            seen += data if one == channel else b""
        return seen

    def rest(self) -> dict[int, bytes]:
        """All that comes until the end, by channel."""
        from websockets.exceptions import ConnectionClosedOK

        found: dict[int, bytes] = {}
        try:
            while True:
                channel, data = self.recv()
                found[channel] = found.get(channel, b"") + data
        except ConnectionClosedOK:
            return found

    def end(self) -> tuple[bytes, bytes, dict[str, Any]]:
        """(stdout, stderr, the final Status)."""
        found = self.rest()
        return found.get(1, b""), found.get(2, b""), json.loads(found[3])

    # ------------------------------------------------------------------ SPDY in messages

    def send_frame(self, frame: Frame) -> None:
        self.connection.send(self.framer.encode(frame))

    def recv_frame(self) -> Frame:
        while not self._frames:
            message = self.connection.recv(timeout=SECONDS)
            assert isinstance(message, bytes)
            self._frames += self.framer.feed(message)
        return self._frames.pop(0)


@contextmanager
def opened(base: str, path: str, *protocols: str, headers: dict[str, str] | None = None, **query: Any):
    """Connect; `query` values that are lists are given several times."""
    url = f"{base.replace('http', 'ws', 1)}{path}?{urlencode(query, doseq=True)}"
    with connect(
        url,
        additional_headers={
            **(headers or {}),
            **({"Sec-WebSocket-Protocol": ", ".join(protocols)} if protocols else {}),
        },
        open_timeout=SECONDS,
        close_timeout=2,
        create_connection=_Lenient,
        proxy=None,
    ) as connection:
        yield Socket(connection)


def refused(base: str, path: str, *protocols: str, **query: Any) -> dict[str, Any]:
    """The Status of a handshake that is refused."""
    try:
        with opened(base, path, *protocols, **query):
            pass
    except InvalidStatus as e:
        found: dict[str, Any] = json.loads(e.response.body)
        assert found["code"] == e.response.status_code
        return found
    raise AssertionError("the handshake was not refused")
