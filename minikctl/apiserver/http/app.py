"""The ASGI application: authentication, authorization, routing, errors as Status objects.

Guarantees: every answer to a refused or failed request is a Status with Kubernetes' reason and code; nothing that a
client sends makes the server stop answering others.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from email.utils import formatdate
from functools import lru_cache
from typing import Any, Protocol

from minikctl.api.errors import ApiError, method_not_allowed, no_such_resource
from minikctl.api.kind import Kind
from minikctl.apiserver.cache import WatchCache
from minikctl.apiserver.http import discovery, negotiation, routing
from minikctl.apiserver.http.aggregator import Aggregator
from minikctl.apiserver.http.messages import (
    Disconnected,
    Request,
    Response,
    compressed,
    error_response,
    json_response,
)
from minikctl.apiserver.http.metrics import Metrics
from minikctl.apiserver.http.resources import Resources
from minikctl.apiserver.http.routing import BadPath, Target
from minikctl.apiserver.request import User
from minikctl.apiserver.server import APIServer
from minikctl.apiserver.version import version_info
from minikctl.util.jsonio import indented

log = logging.getLogger("apiserver")
Scope = Mapping[str, Any]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
HEALTH = ("/healthz", "/livez", "/readyz")
ISSUER_PATHS = ("/.well-known/openid-configuration", "/openid/v1/jwks")
APPLY_PATCH = "application/apply-patch"
DISCOVERY_V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Access(Protocol):
    """Who is asking, and may they? Both raise ApiError (401, 403)."""

    def authenticate(self, request: Request) -> User:
        """The user that acts, impersonation included."""
        ...

    def authorize(self, user: User, target: Target) -> None: ...

    def authorize_path(self, user: User, method: str, path: str) -> None: ...


class Application:
    """Serves one API server over ASGI."""

    def __init__(self, api: APIServer, cache: WatchCache, access: Access, *, address: str = "127.0.0.1:6443"):
        self.api = api
        self.cache = cache
        self.access = access
        self.address = address
        self.resources = Resources(api, cache)
        self.metrics = Metrics(cache)
        self.aggregator = Aggregator(api)
        self._streams: set[asyncio.Future[None]] = set()

    def end_streams(self) -> None:
        """Let every stream end as if its time were over: the server is about to stop."""
        for stream in self._streams:
            stream.cancel()

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            from minikctl.apiserver.http.streaming import serve_websocket

            await serve_websocket(self, scope, receive, send)

    # ------------------------------------------------------------------ one request

    async def _http(self, scope: Scope, receive: Any, send: Send) -> None:
        request = Request.of(scope, receive)
        started = self.metrics.begin()
        target: Target | None = None
        try:
            try:
                request.user = self.access.authenticate(request)
                target = routing.target(request.method, request.path, request.query)
                response = await self._respond(request, target)
            except ApiError as e:
                response = error_response(request, e)
            except BadPath:
                response = error_response(request, no_such_resource())
            response = compressed(request, response)
        except Disconnected:
            self.metrics.end(started, request.method, target, 499)
            return
        except Exception as e:
            log.exception("%s %s", request.method, request.path)
            error = ApiError(500, "InternalError", f"Internal error occurred: {type(e).__name__}: {e}")
            response = error_response(request, error)
        await self._send(request, response, request.receive, send)
        self.metrics.end(started, request.method, target, response.status)

    async def _respond(self, request: Request, target: Target | None) -> Response:
        if target is None:
            return await self._other(request)
        self.access.authorize(request.user, target)
        kind = self.api.resources.by_path(target.group, target.version, target.resource)
        if kind is None:
            return await self._aggregated(request, target.group, target.version)
        if target.subresource and target.subresource not in kind.subresources:
            raise no_such_resource()
        if not target.subresource and target.verb not in kind.verbs:
            raise method_not_allowed()
        if kind.namespaced and not target.namespace and target.verb not in ("list", "watch", "deletecollection"):
            raise no_such_resource()
        self._authorize_creation(request, target, kind)
        if target.subresource in ("log", "proxy", "exec", "attach", "portforward"):
            from minikctl.apiserver.http import streaming

            return await streaming.serve(self, request, target, kind)
        return await self.resources.handle(request, target, kind)

    def _authorize_creation(self, request: Request, target: Target, kind: Kind) -> None:
        """A PUT or an apply patch of an object that does not exist needs the right to create it as well."""
        applies = target.verb == "patch" and APPLY_PATCH in request.headers.get("content-type", "")
        if target.subresource or not (applies or (target.verb == "update" and kind.allow_create_on_update)):
            return
        if self.api.registry.find(kind.stored, target.namespace, target.name) is None:
            self.access.authorize(request.user, replace(target, verb="create"))

    async def _aggregated(self, request: Request, group: str, version: str) -> Response:
        """A Service may serve what is not served here."""
        from minikctl.apiserver.http.streaming import aggregation

        service = aggregation.behind(self.api, group, version)
        if service is None:
            raise no_such_resource()
        return await aggregation.serve(self.api, service, request)

    async def _send(self, request: Request, response: Response, receive: Any, send: Send) -> None:
        await send({"type": "http.response.start", "status": response.status, "headers": _headers(request, response)})
        if response.stream is None:
            body = b"" if request.method == "HEAD" else response.body
            await send({"type": "http.response.body", "body": body})
            return
        ended = asyncio.ensure_future(_disconnect(receive))
        self._streams.add(ended)
        try:
            await _pump(response.stream, ended, send)
        finally:
            self._streams.discard(ended)
            ended.cancel()
            await response.stream.aclose()  # type: ignore[attr-defined]

    # ------------------------------------------------------------------ everything but resources

    async def _other(self, request: Request) -> Response:
        path = "/" + request.path.strip("/")
        self.access.authorize_path(request.user, request.method, path)
        if request.method not in ("GET", "HEAD"):
            raise ApiError(405, "MethodNotAllowed", f"{request.method} is not supported on {path}")
        if f"/{path.split('/')[1]}" in HEALTH:
            return self._health(request, path)
        if path == "/version":
            return Response(200, indented(version_info()).rstrip())  # for people, whoever asks
        if path == "/metrics":
            return Response(200, self.metrics.text(), "text/plain; version=0.0.4; charset=utf-8")
        if path == "/":
            return json_response(request, {"paths": self._paths()})
        if path.startswith("/openapi/"):
            return await self._openapi(request, path)
        if path in ISSUER_PATHS:
            from minikctl.apiserver.http import issuer

            return issuer.serve(self.api, request, path, self.address)
        try:
            return await self._discovery(request, path)
        except ApiError as e:
            parts = path.strip("/").split("/")
            if e.code != 404 or parts[0] != "apis" or len(parts) != 3:
                raise
            return await self._aggregated(request, parts[1], parts[2])

    async def _openapi(self, request: Request, path: str) -> Response:
        from minikctl.apiserver.http import openapi

        try:
            return await openapi.serve(self.api, request, path, self.aggregator)
        except ApiError as e:
            parts = path.strip("/").split("/")
            if e.code != 404 or parts[1:3] != ["v3", "apis"] or len(parts) != 5:
                raise
            return await self._aggregated(request, parts[3], parts[4])

    async def _discovery(self, request: Request, path: str) -> Response:
        kinds = self.api.resources.all()
        parts = path.strip("/").split("/")
        if parts in (["api"], ["apis"]):
            core = parts == ["api"]
            if negotiation.wants_aggregated(request.headers.get("accept", "")):
                found = discovery.aggregated(kinds, core=core)
                if not core:
                    found["items"] = await self.aggregator.discovery(found["items"])
                response = json_response(request, found)
                response.media_type = DISCOVERY_V2
                return response
            body = discovery.api_versions(self.address) if core else discovery.api_groups(kinds)
            if not core:
                body["groups"] = self.aggregator.groups(body["groups"])
            return json_response(request, body)
        document = None
        if parts[0] == "api" and len(parts) == 2:
            document = discovery.resource_list(kinds, "", parts[1])
        elif parts[0] == "apis" and len(parts) == 2:
            document = self.aggregator.group(parts[1], discovery.group_document(kinds, parts[1]))
        elif parts[0] == "apis" and len(parts) == 3:
            document = discovery.resource_list(kinds, parts[1], parts[2])
        if document is None:
            raise no_such_resource()
        negotiation.accept(request.headers.get("accept", ""), shapes=False)
        return json_response(request, document)

    def _paths(self) -> list[str]:
        groups = {(k.group, k.version) for k in self.api.resources.all()}
        named = {f"/apis/{g}" for g, _ in groups if g} | {f"/apis/{g}/{v}" for g, v in groups if g}
        return sorted(
            named | {"/api", "/api/v1", "/apis", "/metrics", "/openapi/v2", "/openapi/v3", "/version", *HEALTH}
        )

    @staticmethod
    def _health(request: Request, path: str) -> Response:
        checks = ("ping", "etcd", "informer-sync", "poststarthook/bootstrap")
        head, _, one = path.strip("/").partition("/")
        if one and one not in checks:
            raise no_such_resource()
        text = "ok"
        if request.flag("verbose"):
            text = "".join(f"[+]{c} ok\n" for c in checks) + f"{head} check passed\n"
        return Response(200, text.encode(), "text/plain; charset=utf-8")


async def _lifespan(receive: Any, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _headers(request: Request, response: Response) -> list[tuple[bytes, bytes]]:
    if response.raw_headers is not None:
        return response.raw_headers
    headers = [
        (b"content-type", response.media_type.encode()),
        (b"cache-control", b"no-cache, private"),
        (b"date", _date(int(time.time()))),
    ]
    if response.stream is None:
        headers.append((b"content-length", str(len(response.body)).encode()))
    for name, value in response.headers.items():
        headers.append((name.lower().encode(), value.encode("latin-1", "replace")))
    for text in dict.fromkeys(request.warnings):
        quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        headers.append((b"warning", f'299 - "{quoted}"'.encode()))
    return headers


async def _pump(stream: Any, ended: asyncio.Future[None], send: Send) -> None:
    """Send what the stream yields until it, or what is to end it, is done: the client is gone, the server stops."""
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    while True:
        following = asyncio.ensure_future(anext(stream, None))
        await asyncio.wait({following, ended}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await send({"type": "http.response.body", "body": b""})
            return
        chunk = following.result()
        if chunk is None:
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


@lru_cache(maxsize=2)
def _date(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode()


async def _disconnect(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
