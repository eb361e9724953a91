"""Any path of the HTTP API without HTTP: the application that the server runs, called once in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from minikctl.api.errors import ApiError
from minikctl.apiserver.cache import WatchCache
from minikctl.apiserver.http.app import Application
from minikctl.apiserver.http.messages import Request
from minikctl.apiserver.http.routing import Target
from minikctl.apiserver.hub import JournalHub
from minikctl.apiserver.request import User
from minikctl.apiserver.server import APIServer
from minikctl.util.jsonio import JSONError, loads


class _Owner:
    """Who can read the files may do everything."""

    def __init__(self, user: User):
        self._user = user

    def authenticate(self, _request: Request) -> User:
        return self._user

    def authorize(self, _user: User, _target: Target) -> None:
        return None

    def authorize_path(self, _user: User, _method: str, _path: str) -> None:
        return None


def get(api: APIServer, user: User, path: str, *, accept: str = "application/json, */*") -> bytes:
    """The body that GET of a path (with its query) answers. Raises ApiError."""
    hub = JournalHub(api)
    try:
        status, body = asyncio.run(_once(Application(api, WatchCache(api, hub), _Owner(user)), path, accept))
    finally:
        hub.stop()
    if status >= 300:
        raise _failure(status, body)
    return body


async def _once(app: Application, path: str, accept: str) -> tuple[int, bytes]:
    before, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": "GET",
        "path": before,
        "raw_path": before.encode(),
        "query_string": query.encode(),
        "headers": [(b"accept", accept.encode()), (b"user-agent", b"kubectl")],
    }
    status, parts = 500, []
    gone = asyncio.Event()

    async def receive() -> Mapping[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)
        parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return status, b"".join(parts)


def _failure(code: int, body: bytes) -> ApiError:
    try:
        return ApiError.from_status(loads(body))
    except JSONError:
        return ApiError(code, "", body.decode("utf-8", "replace"))
