"""/openapi/v2 and /openapi/v3 over HTTP."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from minikctl.api.errors import no_such_resource
from minikctl.api.openapi import protobuf
from minikctl.apiserver import openapi
from minikctl.apiserver.http.aggregator import Aggregator
from minikctl.apiserver.http.messages import Request, Response
from minikctl.apiserver.http.negotiation import JSON
from minikctl.apiserver.server import APIServer


async def serve(api: APIServer, request: Request, path: str, aggregator: Aggregator) -> Response:
    """Raises ApiError NotFound."""
    parts = path.strip("/").split("/")
    if len(parts) > 2 and parts[1] == "v2":
        raise no_such_resource()
    as_protobuf = parts[1:] == ["v2"] and protobuf.ACCEPTED in request.headers.get("accept", "")
    data = openapi.document(api.resources.all(), f"{path}/{openapi.PROTOBUF}" if as_protobuf else path)
    if parts[1:] == ["v3"]:
        data = await aggregator.openapi_v3(data)
    elif parts[1:] == ["v2"]:
        data = await aggregator.openapi_v2(data, as_protobuf=as_protobuf)
    etag = f'"{_digest(data)}"'
    if request.headers.get("if-none-match") == etag:
        return Response(304, headers={"ETag": etag})
    media_type = protobuf.MEDIA_TYPE if as_protobuf else JSON
    return Response(200, data, media_type, headers={"ETag": etag})


@lru_cache(maxsize=128)
def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32].upper()
