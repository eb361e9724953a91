"""pods/proxy, services/proxy, nodes/proxy: HTTP through the API server to what runs in the cluster.

Source: apimachinery `util/proxy` (upgradeaware.go, transport.go).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from minikctl.api.errors import bad_request, service_unavailable
from minikctl.apiserver.http.messages import Request, Response
from minikctl.apiserver.http.routing import Target
from minikctl.apiserver.http.streaming import backends, node_proxy
from minikctl.apiserver.http.streaming.backends import Backend, Secured
from minikctl.apiserver.http.streaming.http_client import Answer, BadAnswer, Exchange, Headers, Upload
from minikctl.apiserver.http.streaming.links import Place, rewritten
from minikctl.apiserver.http.streaming.websocket import Closed, WebSocket
from minikctl.apiserver.server import APIServer

HOP_BY_HOP = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)
MOST_HTML = 2 * 1024 * 1024
NOT_PASSED_ON = HOP_BY_HOP | {"authorization", "expect", "host", "content-length"}
"""The client's token is for the API server alone."""


async def serve(api: APIServer, request: Request, target: Target) -> Response:
    """Raises ApiError when there is no answer to pass on."""
    path = path_of(request, target)
    if not path and request.method in ("GET", "HEAD"):
        query = f"?{request.raw_query}" if request.raw_query else ""
        return Response(301, media_type="text/plain", headers={"Location": f"{request.path}/{query}"})
    if target.resource == "nodes":
        return await node_proxy.serve(api, request, target, path)
    backend = backends.find(api, target)
    answer = await exchange(api, backend, request, path or "/")
    prefix = request.path.removesuffix(path)
    headers = [(k, v) for k, v in answer.headers if k.lower().decode("latin-1") not in HOP_BY_HOP]
    return await _with_links(answer, headers, Place(prefix, backend.host, request.headers.get("host", "")))


def path_of(request: Request, target: Target) -> str:
    """What follows `/proxy`: "" or a path that begins with a slash."""
    if target.rest:
        return f"/{target.rest}" + ("/" if request.path.endswith("/") else "")
    return "/" if request.path.endswith("/") else ""


async def exchange(
    api: APIServer,
    backend: Backend,
    request: Request,
    path: str,
    secured: Secured | None = None,
    more: Iterable[tuple[str, str]] = (),
) -> Answer:
    """What the backend answers. secured: whom to trust, instead of anybody; more: headers. Raises ApiError."""
    talk = Exchange(*await backends.connect(api, backend, secured))
    upload = Upload(request.receive)
    request.receive = upload.receive
    target = f"{path}?{request.raw_query}" if request.raw_query else path
    try:
        return await talk.run(request.method, target, _request_headers(request) + _encoded(more), upload)
    except (BadAnswer, OSError) as e:
        raise service_unavailable(f"error trying to reach service: {str(e) or 'EOF'}") from None


def _request_headers(request: Request) -> Headers:
    skipped = NOT_PASSED_ON | {w.strip().lower() for w in request.headers.get("connection", "").split(",")}
    headers = [(k, v) for k, v in request.headers.items() if k not in skipped and not k.startswith("impersonate-")]
    host = request.headers.get("host", "")
    headers += [("Host", host), ("X-Forwarded-Host", host), ("X-Forwarded-Uri", request.path)]
    headers += [("Connection", "close")]
    if "content-length" in request.headers:
        headers.append(("Content-Length", request.headers["content-length"]))
    elif "transfer-encoding" in request.headers:
        headers.append(("Transfer-Encoding", "chunked"))
    return _encoded(headers)


def _encoded(headers: Iterable[tuple[str, str]]) -> Headers:
    return [(k.encode("latin-1"), v.encode("latin-1", "replace")) for k, v in headers]


async def _with_links(answer: Answer, headers: Headers, place: Place) -> Response:
    """The answer, with redirects and the links of HTML pages leading through the proxy again."""
    given = {k.lower(): v.decode("latin-1") for k, v in headers}
    kind = given.get(b"content-type", "").partition(";")[0].strip().lower()
    if location := given.get(b"location"):
        moved = place.moved(location).encode("latin-1", "replace")
        headers = [(k, moved if k.lower() == b"location" else v) for k, v in headers]
    elif kind == "text/html" and given.get(b"content-encoding", "identity") == "identity":
        return await _page(answer, headers, place)
    return Response(answer.status, stream=answer.body, raw_headers=headers)


async def _page(answer: Answer, headers: Headers, place: Place) -> Response:
    """Very large pages are passed on as they are."""
    start = bytearray()
    async for chunk in answer.body:
        start += chunk
        if len(start) > MOST_HTML:
            return Response(answer.status, stream=_joined(bytes(start), answer.body), raw_headers=headers)
    if start:  # HEAD has a length without a body
        text = start.decode("utf-8", "surrogateescape")
        body = (await asyncio.to_thread(rewritten, text, place.moved)).encode("utf-8", "surrogateescape")
        headers = [(k, v) for k, v in headers if k.lower() != b"content-length"]
        return Response(answer.status, body, raw_headers=[*headers, (b"content-length", str(len(body)).encode())])
    return Response(answer.status, raw_headers=headers)


async def _joined(start: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield start
    async for chunk in rest:
        yield chunk


# ---------------------------------------------------------------------- WebSocket


async def serve_websocket(api: APIServer, request: Request, target: Target, socket: WebSocket) -> None:
    """Join the client's WebSocket to one of the backend's."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed, InvalidHandshake

    if target.resource == "nodes":
        raise bad_request("kubelets have no WebSockets here: use pods/exec, pods/attach and pods/portforward")
    backend = backends.find(api, target)
    secure = backend.scheme == "https"
    path = path_of(request, target) or "/"
    query = f"?{request.raw_query}" if request.raw_query else ""
    connecting = connect(
        f"{'wss' if secure else 'ws'}://{backend.host}{path}{query}",
        sock=await backends.open_socket(api, backend),
        ssl=backends.unverified() if secure else None,
        subprotocols=socket.offered or None,  # type: ignore[arg-type]
        compression=None,
        ping_interval=None,
        proxy=None,
        max_size=None,
        open_timeout=backends.PATIENCE,
    )
    try:
        other = await connecting
    except (InvalidHandshake, OSError, TimeoutError) as e:
        raise service_unavailable(f"error trying to reach service: {e}") from None

    async def back() -> None:
        async for message in other:
            await socket.send(message)
        await socket.close(other.close_code or 1000, other.close_reason or "")

    async with other:
        await socket.accept(other.subprotocol or "")
        returning = asyncio.ensure_future(back())
        try:
            while True:
                await other.send(await socket.receive())
        except (Closed, ConnectionClosed):
            pass
        finally:
            await asyncio.wait({returning}, timeout=1)
            returning.cancel()
            await asyncio.gather(returning, return_exceptions=True)
