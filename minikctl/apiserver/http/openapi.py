"""/openapi/v2 and /openapi/v3, made when asked for and kept until the set of kinds changes."""

from __future__ import annotations

import hashlib
from typing import Any

from minikctl.api import openapi
from minikctl.api.errors import no_such_resource
from minikctl.api.kind import Kind
from minikctl.apiserver.http.messages import Request, Response
from minikctl.apiserver.server import APIServer
from minikctl.util.jsonio import compact

_made: dict[tuple[str, int], tuple[bytes, str]] = {}


def serve(api: APIServer, request: Request, path: str) -> Response:
    """Raises ApiError NotFound."""
    kinds = api.resources.all()
    version = hash(tuple(id(k) for k in kinds))
    parts = path.strip("/").split("/")[1:]
    if parts == ["v3"]:
        return _respond(request, *_document(("v3", version), lambda: _index(kinds, version)))
    if parts == ["v2"]:
        return _respond(request, *_document(("v2", version), lambda: openapi.document_v2(kinds)))
    if parts[0] == "v3":
        group = "" if parts[1] == "api" else parts[2] if len(parts) == 4 else None
        found = [k for k in kinds if k.group == group and k.version == parts[-1]]
        if found and len(parts) == (3 if not group else 4):
            return _respond(request, *_document((path, version), lambda: openapi.document_v3(found)))
    raise no_such_resource()


def _index(kinds: list[Kind], version: int) -> Any:
    names = {f"apis/{k.group}/{k.version}" if k.group else f"api/{k.version}" for k in kinds}
    return {
        "paths": {n: {"serverRelativeURL": f"/openapi/v3/{n}?hash={version & 0xFFFFFFFFFFFF:X}"} for n in sorted(names)}
    }


def _document(key: tuple[str, int], make: Any) -> tuple[bytes, str]:
    if key not in _made:
        for old in [k for k in _made if k[1] != key[1]]:
            del _made[old]
        data = compact(make())
        _made[key] = (data, hashlib.sha256(data).hexdigest()[:32].upper())
    return _made[key]


def _respond(request: Request, data: bytes, digest: str) -> Response:
    etag = f'"{digest}"'
    if request.headers.get("if-none-match") == etag:
        return Response(304, headers={"ETag": etag})
    return Response(200, data, headers={"ETag": etag})
