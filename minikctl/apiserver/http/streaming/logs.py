"""pods/log. Source: `pkg/registry/core/pod/rest/log.go`; over WebSocket, apiserver `endpoints/handlers/responsewriters`."""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncIterator

from minikctl.api.errors import ApiError
from minikctl.apiserver import kubelet_client
from minikctl.apiserver.http.messages import Request, Response
from minikctl.apiserver.http.routing import Target
from minikctl.apiserver.http.streaming import kubelets, query
from minikctl.apiserver.http.streaming.websocket import WebSocket
from minikctl.apiserver.server import APIServer

log = logging.getLogger("apiserver")
PROTOCOLS = ("", "binary.k8s.io", "base64.binary.k8s.io")


async def serve(api: APIServer, request: Request, target: Target) -> Response:
    """The log as text/plain, in chunks as it is read. Raises ApiError until the first byte."""
    return Response(200, media_type="text/plain", stream=await _begin(api, request, target))


async def serve_websocket(api: APIServer, request: Request, target: Target, socket: WebSocket) -> None:
    """The log as messages."""
    protocol = socket.choose(PROTOCOLS)
    chunks = await _begin(api, request, target)
    await socket.accept(protocol)
    encoded = protocol.startswith("base64")
    async with socket.watched() as client:
        try:
            async for chunk in chunks:
                if client.is_gone:
                    break
                await socket.send(base64.b64encode(chunk).decode() if encoded else chunk)
        finally:
            await chunks.aclose()  # type: ignore[attr-defined]
    await socket.close()


async def _begin(api: APIServer, request: Request, target: Target) -> AsyncIterator[bytes]:
    call = kubelet_client.log_call(api, target.namespace, target.name, query.log_options(request))
    if call is None:
        return _nothing()
    return _told(kubelets.log(api, call, await kubelets.open_call(api, call)))


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def _told(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A failure in the middle can only end the stream: its status has gone out."""
    try:
        async for chunk in chunks:
            yield chunk
    except ApiError as e:
        log.warning("a log ended early: %s", e.message)
    finally:
        await chunks.aclose()  # type: ignore[attr-defined]
