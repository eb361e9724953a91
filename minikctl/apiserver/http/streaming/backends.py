"""What a proxied request goes to: a pod's or a service's port, and how it is reached (through the node's kubelet).

Source: `pkg/registry/core/pod/strategy.go` and `pkg/registry/core/service/storage` (ResourceLocation), apimachinery
`util/net.SplitSchemeNamePort`.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from minikctl.api.errors import ApiError, bad_request, service_unavailable
from minikctl.api.meta import Obj
from minikctl.apiserver import kubelet_client
from minikctl.apiserver.http.routing import Target
from minikctl.apiserver.http.streaming import kubelets
from minikctl.apiserver.server import APIServer
from minikctl.util.async_frames import AsyncFrames
from minikctl.util.frames import STDIN, STDOUT

PATIENCE = 10.0
Secured = tuple[ssl.SSLContext, str]
"""Whom to trust, and the name that a certificate must bear."""
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Backend:
    """An address; `pod` (namespace, name) when a kubelet leads there."""

    scheme: str
    address: str
    port: int
    pod: tuple[str, str] | None = None

    @property
    def host(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def split(words: str) -> tuple[str, str, str] | None:
    """(scheme, name, port) of `name`, `name:port` or `scheme:name:port`; None for anything else."""
    parts = words.split(":")
    match parts:
        case [name] if name:
            return "", name, ""
        case [name, port] if name:
            return "", name, port
        case [scheme, name, port] if scheme in ("http", "https", "") and name:
            return scheme, name, port
    return None


def find(api: APIServer, target: Target) -> Backend:
    """Raises ApiError."""
    words = split(target.name)
    if words is None:
        kind = target.resource.removesuffix("s")
        raise bad_request(f'invalid {kind} request "{target.name}"')
    return _of_pod(api, target, *words) if target.resource == "pods" else _of_service(api, target, *words)


def _of_pod(api: APIServer, target: Target, scheme: str, name: str, port: str) -> Backend:
    pod = api.registry.get(api.kind("pods"), target.namespace, name)
    if not port:
        named = [p["containerPort"] for c in pod["spec"]["containers"] for p in c.get("ports") or []]
        port = str(named[0]) if named else ("443" if scheme == "https" else "80")
    address = (pod.get("status") or {}).get("podIP")
    if not address:
        raise bad_request("address not allowed")
    return Backend(scheme or "http", address, _number(port), (target.namespace, name))


def _of_service(api: APIServer, target: Target, scheme: str, name: str, port: str) -> Backend:
    service = api.registry.get(api.kind("services"), target.namespace, name)
    if port.isdigit():
        named = [p for p in service["spec"].get("ports") or [] if p["port"] == int(port)]
        if not named:
            raise service_unavailable(f'no service port {port} found for service "{name}"')
        port = named[0].get("name") or ""
    slices = [
        s
        for s in api.read_all("endpointslices.discovery.k8s.io", target.namespace)
        if (s["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == name
    ]
    found = choices(slices, port)
    if not found:
        raise service_unavailable(f'no endpoints available for service "{target.name}"')
    address, number, pod = random.choice(found)
    return Backend(scheme or "http", address, number, (target.namespace, pod) if pod else None)


def choices(slices: Sequence[Obj], port: str) -> list[tuple[str, int, str]]:
    """(address, port, pod) of every ready endpoint that has a port of this name."""
    found = []
    for piece in slices:
        for offered in piece.get("ports") or []:
            if (offered.get("name") or "") != port or not offered.get("port"):
                continue
            for endpoint in piece.get("endpoints") or []:
                if (endpoint.get("conditions") or {}).get("ready") is False or not endpoint.get("addresses"):
                    continue
                reference = endpoint.get("targetRef") or {}
                pod = reference.get("name", "") if reference.get("kind") == "Pod" else ""
                found.append((endpoint["addresses"][0], offered["port"], pod))
    return found


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise bad_request(f'invalid port "{text}"')


# ---------------------------------------------------------------------- the way there


async def connect(api: APIServer, backend: Backend, secured: Secured | None = None) -> Streams:
    """An open connection. Raises ApiError ServiceUnavailable."""
    trust, name = secured or (unverified(), backend.address)
    try:
        sock = await open_socket(api, backend)
        if backend.scheme != "https":
            return await asyncio.open_connection(sock=sock)
        return await asyncio.open_connection(sock=sock, ssl=trust, server_hostname=name)
    except (TimeoutError, OSError) as e:  # ssl.SSLError is an OSError
        raise _unreachable(backend, str(getattr(e, "strerror", "") or e or "i/o timeout").lower()) from None


async def open_socket(api: APIServer, backend: Backend) -> socket.socket:
    """Raises OSError, ApiError."""
    if backend.pod is None:
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_INET6 if ":" in backend.address else socket.AF_INET)
        sock.setblocking(False)
        try:
            await asyncio.wait_for(loop.sock_connect(sock, (backend.address, backend.port)), PATIENCE)
        except BaseException:
            sock.close()
            raise
        return sock
    namespace, name = backend.pod
    options = {"port": backend.port, "address_only": True}
    try:
        call = kubelet_client.session_call(api, namespace, name, "portforward", options)
        frames = await kubelets.open_call(api, call)
    except ApiError as e:
        raise _unreachable(backend, e.message.rpartition(": ")[2]) from None
    ours, theirs = socket.socketpair()
    task = asyncio.ensure_future(_bridge(frames, ours))
    _bridges.add(task)
    task.add_done_callback(_bridges.discard)
    return theirs


def unverified() -> ssl.SSLContext:
    """A pod's certificate is nobody's business: Kubernetes' proxy does not check it either."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _unreachable(backend: Backend, why: str) -> ApiError:
    refused = os.strerror(errno.ECONNREFUSED).lower()
    text = f"connect: {why}" if why == refused else why
    return service_unavailable(f"error trying to reach service: dial tcp {backend.host}: {text}")


_bridges: set[asyncio.Task[None]] = set()
"""The event loop itself holds tasks only weakly."""


async def _bridge(frames: AsyncFrames, sock: socket.socket) -> None:
    """Join a connection through a kubelet to a socket, each direction until its own end."""
    reader, writer = await asyncio.open_connection(sock=sock)

    async def out() -> None:
        try:
            while data := await reader.read(65536):
                await frames.send(STDIN, data)
            await frames.close_channel(STDIN)
        except OSError:
            frames.close()

    sender = asyncio.ensure_future(out())
    try:
        while (frame := await frames.recv()) is not None and frame[0] == STDOUT:
            writer.write(frame[1])
            await writer.drain()
    except OSError:
        pass
    finally:
        sender.cancel()
        writer.close()
        frames.close()
