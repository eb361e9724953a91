"""What streams: logs, commands in containers, connections to ports, and HTTP through the API server.

`serve` answers plain HTTP requests, `serve_websocket` those that upgrade. Who asks has been let in by the caller of
`serve`; `serve_websocket` checks it itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from minikctl.api.errors import ApiError, bad_request, method_not_supported, no_such_resource
from minikctl.api.kind import Kind
from minikctl.apiserver import admission
from minikctl.apiserver.http import routing
from minikctl.apiserver.http.messages import Request, Response
from minikctl.apiserver.http.routing import BadPath, Target
from minikctl.apiserver.http.streaming import logs, port_forward, proxy, query, sessions
from minikctl.apiserver.http.streaming.websocket import Closed, WebSocket

if TYPE_CHECKING:
    from minikctl.apiserver.http.app import Application

log = logging.getLogger("apiserver")
NO_UPGRADE = "Upgrade request required"
NO_SPDY = (
    "unable to upgrade: this server speaks WebSocket (v5.channel.k8s.io, SPDY/3.1+portforward.k8s.io), not bare SPDY"
)


async def serve(app: Application, request: Request, target: Target, kind: Kind) -> Response:
    """Answer a request that does not upgrade. Raises ApiError."""
    match kind.plural, target.subresource:
        case "pods", "log":
            if target.verb != "get":
                raise method_not_supported("pods/log", "", target.verb)
            return await logs.serve(app.api, request, target)
        case "pods" | "services" | "nodes", "proxy":
            return await proxy.serve(app.api, request, target)
        case "pods", "exec" | "attach" | "portforward":
            return await _not_upgraded(app, request, target, kind)
    raise no_such_resource()


async def _not_upgraded(app: Application, request: Request, target: Target, kind: Kind) -> Response:
    """The refusal that such a request gets: what would be wrong with it anyway comes first, for the client to show.

    kubectl asks so after a WebSocket was refused to it, whatever for, and shows the second answer only.
    """
    if target.verb not in ("get", "create"):
        raise method_not_supported(f"pods/{target.subresource}", "", target.verb)
    await _admit(app, request, target, kind)
    if target.subresource == "portforward":
        (await port_forward.begin(app.api, target)).close()
    else:
        sessions.prepare(app.api, request, target)
    raise bad_request(NO_SPDY if "upgrade" in request.headers else NO_UPGRADE)


async def serve_websocket(app: Application, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
    """Answer a WebSocket handshake and everything that follows."""
    request = Request.of(scope, receive)
    socket = WebSocket(scope, request, receive, send)
    started = app.metrics.begin()
    target: Target | None = None
    code = 101
    try:
        request.user = app.access.authenticate(request)
        target = routing.target("GET", request.path, request.query)
        await _upgrade(app, request, target, socket)
    except Closed:
        pass
    except BadPath:
        code = await socket.refuse(no_such_resource())
    except ApiError as e:
        code = await socket.refuse(e)
    except Exception as e:
        log.exception("WebSocket %s", request.path)
        code = await socket.refuse(ApiError(500, "InternalError", f"Internal error occurred: {type(e).__name__}: {e}"))
    app.metrics.end(started, "GET", target, code)


async def _admit(app: Application, request: Request, target: Target, kind: Kind) -> None:
    """Raises ApiError. In a thread: a webhook may take its time."""
    if target.subresource == "portforward":
        options: dict[str, Any] = {"ports": request.queries.get("ports") or []}
    else:
        options = query.session_options(request, with_command=target.subresource == "exec")
    ctx = request.context()
    await asyncio.to_thread(
        admission.connect, app.api, kind, target.namespace, target.name, target.subresource, options, ctx
    )


async def _upgrade(app: Application, request: Request, target: Target | None, socket: WebSocket) -> None:
    if target is None:
        app.access.authorize_path(request.user, "get", "/" + request.path.strip("/"))
        raise bad_request(f"{request.path} does not stream")
    app.access.authorize(request.user, target)
    kind = app.api.resources.by_path(target.group, target.version, target.resource)
    if kind is None or (target.subresource and target.subresource not in kind.subresources):
        raise no_such_resource()
    if target.subresource in admission.CONNECTIONS and kind.plural == "pods":
        await _admit(app, request, target, kind)
    match kind.plural, target.subresource:
        case "pods", "exec" | "attach":
            await sessions.serve(app.api, request, target, socket)
        case "pods", "portforward":
            await port_forward.serve(app.api, request, target, socket)
        case "pods", "log":
            await logs.serve_websocket(app.api, request, target, socket)
        case "pods" | "services" | "nodes", "proxy":
            await proxy.serve_websocket(app.api, request, target, socket)
        case _:
            raise bad_request(f"{request.path} does not stream")
