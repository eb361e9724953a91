"""pods/portforward over WebSocket: SPDY/3.1 tunnelled through binary messages, or two channels a port.

Source: KEP-4006; client-go `tools/portforward`; kubelet `cri/streaming/portforward` (httpstream.go: a pair of streams,
error and data, for every connection; websocket.go: the channels).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

from minikctl.api.errors import ApiError, bad_request
from minikctl.apiserver import kubelet_client
from minikctl.apiserver.http.messages import Request
from minikctl.apiserver.http.routing import Target
from minikctl.apiserver.http.streaming import kubelets
from minikctl.apiserver.http.streaming.sessions import Channels
from minikctl.apiserver.http.streaming.websocket import Closed, WebSocket
from minikctl.apiserver.kubelet_client import Call
from minikctl.apiserver.server import APIServer
from minikctl.util import spdy
from minikctl.util.async_frames import AsyncFrames
from minikctl.util.frames import STDIN, STDOUT

log = logging.getLogger("apiserver")
TUNNEL = "SPDY/3.1+portforward.k8s.io"
CHANNELS = {c.protocol: c for c in (Channels("v4.channel.k8s.io"), Channels("v4.base64.channel.k8s.io", encoded=True))}
MAX_CHUNK = 32 * 1024
MOST_STREAMS = 2000
"""Open at once on one connection."""


async def begin(api: APIServer, target: Target) -> AsyncFrames:
    """A connection to the pod's kubelet that lasts as long as ports can be forwarded. Raises ApiError."""
    try:
        return await kubelets.open_call(api, _call(api, target, 0))
    except ApiError as e:
        raise kubelet_client.session_failure(e) from None


async def serve(api: APIServer, request: Request, target: Target, socket: WebSocket) -> None:
    protocol = socket.choose((TUNNEL, *CHANNELS, ""))
    ports = _ports(request) if protocol != TUNNEL else []
    session = await begin(api, target)
    watcher = asyncio.ensure_future(_end_with(session, socket))
    try:
        await socket.accept(protocol)
        if protocol == TUNNEL:
            await Tunnel(api, target, socket).run()
        else:
            await _forward_channels(api, target, socket, CHANNELS.get(protocol, Channels("")), ports)
    finally:
        watcher.cancel()
        session.close()


async def _end_with(session: AsyncFrames, socket: WebSocket) -> None:
    """When the node is lost, so are its ports."""
    while await session.recv() is not None:
        pass
    await socket.close(1001, "the connection to the node was lost")


def _call(api: APIServer, target: Target, port: int) -> Call:
    return kubelet_client.session_call(api, target.namespace, target.name, "portforward", {"port": port})


def _ports(request: Request) -> list[int]:
    """The query parameter `ports`, several or one with commas. Raises ApiError BadRequest."""
    given = request.queries.get("ports") or []
    if not given:
        raise bad_request('query parameter "port" is required')
    ports = []
    for text in given:
        for part in text.split(","):
            if not (part.isascii() and part.isdigit() and 0 < int(part) < 65536):
                raise bad_request(f'unable to parse "{text}" as a port')
            ports.append(int(part))
    if len(ports) > 100:
        raise bad_request("at most 100 ports can be forwarded over one connection")
    return ports


def _explained(target: Target, port: int, error: ApiError) -> str:
    return f"error forwarding port {port} to pod {target.name}_{target.namespace}: {error.message}"


class Inbox:
    """What a client sends to a port: a few pieces at a time, and nothing more once nobody wants it."""

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(16)
        self._is_closed = False

    async def put(self, data: bytes | None) -> None:
        """None is the end. Waits while the port does not read."""
        if not self._is_closed:
            await self._pieces.put(data)

    def close(self) -> None:
        """Drop what is there and what comes; a `put` that waits returns."""
        self._is_closed = True
        while not self._pieces.empty():
            self._pieces.get_nowait()

    async def send_to(self, frames: AsyncFrames) -> None:
        """Pass everything on until the end."""
        try:
            while (data := await self._pieces.get()) is not None:
                await frames.send(STDIN, data)
            await frames.close_channel(STDIN)
        except OSError:
            self.close()  # the port is closed: what it said is told by the other direction


# ---------------------------------------------------------------------- SPDY in messages


@dataclass
class Forwarding:
    """One connection to a port: a stream for errors, a stream for data."""

    port: int
    errors: int = 0
    data: int = 0
    frames: AsyncFrames | None = None
    incoming: Inbox = field(default_factory=lambda: Inbox())


class Tunnel:
    """A SPDY connection in which the client opens two streams for each connection that it forwards."""

    def __init__(self, api: APIServer, target: Target, socket: WebSocket):
        self._api, self._target, self._socket = api, target, socket
        self._framer = spdy.Framer()
        self._sending = asyncio.Lock()
        self._waiting: dict[str, Forwarding] = {}
        self._streams: dict[int, Forwarding] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        try:
            while True:
                message = await self._socket.receive()
                if isinstance(message, str):
                    raise spdy.SpdyError("a text message")
                for frame in self._framer.feed(message):
                    await self._handle(frame)
        except spdy.SpdyError as e:
            await self._socket.close(1002, str(e)[:100])
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, frame: spdy.Frame) -> None:
        async with self._sending:
            await self._socket.send(self._framer.encode(frame))

    async def _handle(self, frame: spdy.Frame) -> None:
        match frame:
            case spdy.SynStream():
                await self._open(frame)
            case spdy.Data(stream, data, fin):
                forwarding = self._streams.get(stream)
                if forwarding is not None and stream == forwarding.data:
                    if data:
                        await forwarding.incoming.put(data)
                    if fin:
                        await forwarding.incoming.put(None)
            case spdy.Reset(stream):
                self._reset(stream)
            case spdy.Ping(number) if number % 2:
                await self._send(frame)

    async def _open(self, frame: spdy.SynStream) -> None:
        try:
            forwarding = self._pair(frame)
        except ValueError as e:
            log.info("port-forward: stream %d refused: %s", frame.stream, e)
            await self._send(spdy.Reset(frame.stream, spdy.REFUSED_STREAM))
            return
        self._streams[frame.stream] = forwarding
        await self._send(spdy.SynReply(frame.stream))
        if forwarding.data and forwarding.errors:
            task = asyncio.ensure_future(self._forward(forwarding))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _pair(self, frame: spdy.SynStream) -> Forwarding:
        """The connection that a new stream belongs to. Raises ValueError."""
        headers = frame.headers
        kind, port = headers.get("streamtype", ""), headers.get("port", "")
        if frame.stream in self._streams or len(self._streams) >= MOST_STREAMS:
            raise ValueError("too many streams")
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError(f"port {port!r}")
        # clients from before request ids open the error stream first and the data stream directly after it
        request = headers.get("requestid") or str(frame.stream if kind == "error" else frame.stream - 2)
        forwarding = self._waiting.setdefault(request, Forwarding(int(port)))
        if kind == "error" and not forwarding.errors:
            forwarding.errors = frame.stream
        elif kind == "data" and not forwarding.data:
            forwarding.data = frame.stream
        else:
            raise ValueError(f"stream type {kind!r}")
        if forwarding.data and forwarding.errors:
            del self._waiting[request]
        return forwarding

    def _reset(self, stream: int) -> None:
        """The client wants no more of a stream; without its data stream a connection has no purpose."""
        forwarding = self._streams.pop(stream, None)
        if forwarding is not None and stream == forwarding.data:
            forwarding.incoming.close()
            if forwarding.frames is not None:
                forwarding.frames.close()

    async def _forward(self, forwarding: Forwarding) -> None:
        """Open the port, pass data both ways, and say how it ended."""
        why = ""
        try:
            forwarding.frames = await kubelets.open_call(self._api, _call(self._api, self._target, forwarding.port))
            await self._pass_on(forwarding, forwarding.frames)
        except ApiError as e:
            why = _explained(self._target, forwarding.port, e)
        except Closed:
            return
        finally:
            forwarding.incoming.close()
            if forwarding.frames is not None:
                forwarding.frames.close()
            open_data = self._streams.pop(forwarding.data, None) is not None
            self._streams.pop(forwarding.errors, None)
        try:
            await self._send(spdy.Data(forwarding.errors, why.encode(), fin=True))
            if open_data:
                await self._send(spdy.Data(forwarding.data, b"", fin=True))
        except Closed:
            pass

    async def _pass_on(self, forwarding: Forwarding, frames: AsyncFrames) -> None:
        sender = asyncio.ensure_future(forwarding.incoming.send_to(frames))
        try:
            while (frame := await frames.recv()) is not None and frame[0] == STDOUT:
                for at in range(0, len(frame[1]), MAX_CHUNK):
                    if forwarding.data in self._streams:
                        await self._send(spdy.Data(forwarding.data, frame[1][at : at + MAX_CHUNK]))
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)


# ---------------------------------------------------------------------- channels


async def _forward_channels(
    api: APIServer, target: Target, socket: WebSocket, channels: Channels, ports: list[int]
) -> None:
    """Channels 2n (data) and 2n+1 (error) for the nth port; the port's number comes first on both."""
    for i, port in enumerate(ports):
        for channel in (2 * i, 2 * i + 1):
            await socket.send(channels.pack(channel, port.to_bytes(2, "little")))
    inboxes = [Inbox() for _ in ports]

    async def forward(i: int, port: int) -> None:
        try:
            frames = await kubelets.open_call(api, _call(api, target, port))
        except ApiError as e:
            inboxes[i].close()
            await socket.send(channels.pack(2 * i + 1, _explained(target, port, e).encode()))
            return
        sender = asyncio.ensure_future(inboxes[i].send_to(frames))
        try:
            while (frame := await frames.recv()) is not None and frame[0] == STDOUT:
                await socket.send(channels.pack(2 * i, frame[1]))
        finally:
            inboxes[i].close()
            sender.cancel()
            frames.close()

    async def listen() -> None:
        while True:
            unpacked = channels.unpack(await socket.receive())
            if unpacked is not None and unpacked[0] % 2 == 0 and unpacked[0] < 2 * len(ports) and unpacked[1]:
                await inboxes[unpacked[0] // 2].put(unpacked[1])

    work: asyncio.Future[Any] = asyncio.gather(*(forward(i, port) for i, port in enumerate(ports)))
    listener: asyncio.Future[Any] = asyncio.ensure_future(listen())
    try:
        await asyncio.wait({work, listener}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            await work
            await socket.close()
    finally:
        work.cancel()
        listener.cancel()
        await asyncio.gather(work, listener, return_exceptions=True)
