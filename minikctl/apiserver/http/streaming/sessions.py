"""pods/exec and pods/attach over WebSocket: channels in one byte before each message.

Source: apimachinery `util/remotecommand/constants.go` (the protocols), `util/httpstream/wsstream`, apiserver
`util/proxy/streamtranslator.go` (what a failure looks like), KEP-4006.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from minikctl.api.errors import ApiError, internal
from minikctl.apiserver import kubelet_client
from minikctl.apiserver.http.messages import Request
from minikctl.apiserver.http.routing import Target
from minikctl.apiserver.http.streaming import kubelets, query
from minikctl.apiserver.http.streaming.websocket import Closed, WebSocket
from minikctl.apiserver.kubelet_client import Call, session_failure
from minikctl.apiserver.server import APIServer
from minikctl.util.async_frames import AsyncFrames
from minikctl.util.frames import CLOSE, ERROR, RESIZE, STDERR, STDIN, STDOUT

LOST = "the connection to the node was lost"


@dataclass(frozen=True)
class Channels:
    """A subprotocol. has_close: a channel's end can be told; has_status: the end is a Status, not bare text."""

    protocol: str
    encoded: bool = False
    has_close: bool = False
    has_status: bool = True

    def pack(self, channel: int, data: bytes) -> bytes | str:
        if self.encoded:
            return f"{channel}{base64.b64encode(data).decode()}"
        return bytes((channel,)) + data

    def unpack(self, message: bytes | str) -> tuple[int, bytes] | None:
        """(channel, data); None for what is not of this protocol."""
        raw = message.encode() if isinstance(message, str) else message
        if not raw:
            return None
        if not self.encoded:
            return raw[0], raw[1:]
        try:
            return raw[0] - ord("0"), base64.b64decode(raw[1:], validate=True)
        except binascii.Error:
            return None


PROTOCOLS = {
    c.protocol: c
    for c in (
        Channels("v5.channel.k8s.io", has_close=True),
        Channels("v4.channel.k8s.io"),
        Channels("v4.base64.channel.k8s.io", encoded=True),
        Channels("channel.k8s.io", has_status=False),
        Channels("base64.channel.k8s.io", encoded=True, has_status=False),
        Channels("", has_status=False),
    )
}


def prepare(api: APIServer, request: Request, target: Target) -> Call:
    """The kubelet's part of the request. Raises ApiError."""
    options = query.session_options(request, with_command=target.subresource == "exec")
    return kubelet_client.session_call(api, target.namespace, target.name, target.subresource, options)


async def serve(api: APIServer, request: Request, target: Target, socket: WebSocket) -> None:
    call = prepare(api, request, target)
    channels = PROTOCOLS[socket.choose(tuple(PROTOCOLS))]
    await socket.accept(channels.protocol)
    shown = [n for n, name in ((STDOUT, "stdout"), (STDERR, "stderr")) if call.request[name]]
    await socket.send(channels.pack(shown[0] if shown else ERROR, b""))  # tells the client that it has begun
    try:
        frames = await kubelets.open_call(api, call)
    except ApiError as e:
        await _end(socket, channels, session_failure(e).status)
        return
    try:
        await _relay(socket, channels, frames, call)
    finally:
        frames.close()


async def _relay(socket: WebSocket, channels: Channels, frames: AsyncFrames, call: Call) -> None:
    """Pass on what both sides say until the session ends or one of them is gone."""
    listener = asyncio.ensure_future(_listen(socket, channels, frames, call))
    try:
        while (frame := await frames.recv()) is not None:
            channel, data = frame
            if channel == ERROR:
                await _end(socket, channels, json.loads(data))
                return
            if call.request["stdout" if channel == STDOUT else "stderr"]:
                await socket.send(channels.pack(channel, data))
        await _end(socket, channels, internal(LOST).status)
    finally:
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)


async def _listen(socket: WebSocket, channels: Channels, frames: AsyncFrames, call: Call) -> None:
    """From the client to the container. Messages on channels that are not its own are passed over, as Kubernetes does."""
    try:
        while True:
            unpacked = channels.unpack(await socket.receive())
            if unpacked is None:
                continue
            channel, data = unpacked
            if channel == STDIN and call.request["stdin"]:
                if data:
                    await frames.send(STDIN, data)
            elif channel == RESIZE:
                await frames.send(RESIZE, data)
            elif channel == CLOSE and channels.has_close and data == bytes((STDIN,)):
                await frames.close_channel(STDIN)
    except OSError:
        pass  # the session is over: its end tells the client
    except Closed:
        frames.close()


async def _end(socket: WebSocket, channels: Channels, status: dict[str, Any]) -> None:
    """The last word on the error channel, and the end."""
    try:
        if channels.has_status:
            await socket.send(channels.pack(ERROR, json.dumps(status).encode()))
        elif status.get("status") == "Failure":
            await socket.send(channels.pack(ERROR, str(status.get("message", "")).encode()))
        await socket.close()
    except Closed:
        pass
