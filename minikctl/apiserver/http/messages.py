"""Requests and responses as the handlers see them; ASGI is only known here and in `app`."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from minikctl.api.errors import ApiError
from minikctl.apiserver.request import Context, User
from minikctl.util.jsonio import compact, indented

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
MAX_BODY = 3 << 20
GZIP_FROM = 128 * 1024


class Disconnected(Exception):
    """The client is gone."""


@dataclass
class Request:
    """One HTTP request. `query` has the last value of each parameter, `queries` all."""

    method: str
    path: str
    query: dict[str, str]
    queries: dict[str, list[str]]
    headers: dict[str, str]
    receive: Receive
    raw_query: str = ""
    peer_certificate: Mapping[str, Any] | None = None
    impersonation: list[tuple[str, str]] = field(default_factory=list)
    """The Impersonate-* headers, each as it came: groups may hold commas."""
    user: User = field(default_factory=lambda: User("system:anonymous", ("system:unauthenticated",)))
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, scope: Mapping[str, Any], receive: Receive) -> Request:
        raw_query = scope.get("query_string", b"").decode("latin-1")
        queries = parse_qs(raw_query, keep_blank_values=True)
        headers: dict[str, str] = {}
        impersonation: list[tuple[str, str]] = []
        for name, value in scope["headers"]:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            headers[key] = f"{headers[key]},{text}" if key in headers else text
            if key.startswith("impersonate-"):
                impersonation.append((key, text))
        raw = scope.get("raw_path") or scope["path"].encode()
        return cls(
            method=scope.get("method", "GET"),
            path=raw.decode("latin-1").partition("?")[0],
            query={k: v[-1] for k, v in queries.items()},
            queries=queries,
            headers=headers,
            receive=receive,
            raw_query=raw_query,
            peer_certificate=(scope.get("state") or {}).get("peer_certificate"),
            impersonation=impersonation,
        )

    def flag(self, name: str) -> bool:
        """A boolean query parameter, as Go reads it: present and not false."""
        return name in self.query and self.query[name].lower() not in ("0", "false")

    async def body(self) -> bytes:
        """The whole body. Raises ApiError 413 above 3 MiB, Disconnected."""
        length = self.headers.get("content-length", "")
        if length.isdigit() and int(length) > MAX_BODY:
            raise too_large()
        chunks, size = [], 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > MAX_BODY:
                raise too_large()
            if not message.get("more_body"):
                break
        data = b"".join(chunks)
        if self.headers.get("content-encoding", "") == "gzip":
            return _unzipped(data)
        return data

    def context(self) -> Context:
        """The circumstances that the query names: dryRun, fieldManager, fieldValidation, force."""
        manager = self.query.get("fieldManager", "")
        if len(manager) > 128 or any(not c.isprintable() for c in manager):
            raise ApiError(422, "Invalid", "fieldManager: Invalid value: must be printable and at most 128 bytes")
        agent = self.headers.get("user-agent", "").partition("/")[0] or "unknown"
        return Context(
            user=self.user,
            actor=manager or agent,
            because=int(b) if (b := self.headers.get("minikctl-because", "")).isdigit() else None,
            dry_run=self._dry_run(),
            field_manager=manager,
            field_validation=self._field_validation(),
            force=self.flag("force"),
            warnings=self.warnings,
        )

    def _dry_run(self) -> bool:
        values = self.queries.get("dryRun", [])
        if any(v != "All" for v in values):
            raise ApiError(400, "BadRequest", f'dryRun: Unsupported value: "{values[0]}": supported values: "All"')
        return bool(values)

    def _field_validation(self) -> str:
        value = self.query.get("fieldValidation", "") or "Warn"
        if value not in ("Strict", "Warn", "Ignore"):
            choices = '"Ignore", "Strict", "Warn"'
            raise ApiError(
                422, "Invalid", f'fieldValidation: Unsupported value: "{value}": supported values: {choices}'
            )
        return value


def too_large() -> ApiError:
    return ApiError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {MAX_BODY}")


def _unzipped(data: bytes) -> bytes:
    import io
    import zlib

    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as f:
            out = f.read(MAX_BODY + 1)
    except (OSError, EOFError, zlib.error):
        raise ApiError(400, "BadRequest", "the body is not gzip") from None
    if len(out) > MAX_BODY:
        raise too_large()
    return out


@dataclass
class Response:
    """An answer: whole (`body`) or streamed (`stream`)."""

    status: int = 200
    body: bytes = b""
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    stream: AsyncIterator[bytes] | None = None
    raw_headers: list[tuple[bytes, bytes]] | None = None
    """All headers, when they are somebody else's: nothing is added to them."""


def wants_pretty(request: Request) -> bool:
    """Indented for people: asked for by `pretty`, or guessed from the client."""
    if "pretty" in request.query:
        return request.flag("pretty")
    agent = request.headers.get("user-agent", "")
    return agent.startswith(("curl", "Wget", "Mozilla/5.0"))


def json_response(request: Request, value: Any, status: int = 200) -> Response:
    data = indented(value) if wants_pretty(request) else compact(value) + b"\n"
    return Response(status, data)


def error_response(request: Request, error: ApiError) -> Response:
    """The Status of a refused request."""
    response = json_response(request, error.status, error.code)
    retry = error.details.get("retryAfterSeconds")
    if retry:
        response.headers["Retry-After"] = str(retry)
    if error.code == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="kubernetes-master"'
    return response


def compressed(request: Request, response: Response) -> Response:
    """Large answers are sent gzipped to clients that take it."""
    if response.stream is not None or len(response.body) < GZIP_FROM:
        return response
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return response
    response.body = gzip.compress(response.body, 1)
    response.headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return response
