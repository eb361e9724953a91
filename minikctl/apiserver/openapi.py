"""The OpenAPI documents of an API server's kinds, by path: made when asked for, and kept until the kinds change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minikctl.api import openapi
from minikctl.api.errors import no_such_resource
from minikctl.api.kind import Kind
from minikctl.api.openapi import protobuf
from minikctl.util.jsonio import compact

PROTOBUF = "protobuf"
_made: dict[tuple[str | int, ...], bytes] = {}


def document(kinds: list[Kind], path: str) -> bytes:
    """`/openapi/v2`, `/openapi/v3` (the index), `/openapi/v3/apis/apps/v1`, as JSON; `/openapi/v2/protobuf`.

    Raises ApiError NotFound.
    """
    version = hash(tuple(id(k) for k in kinds))
    parts = path.strip("/").split("/")[1:]
    if parts == ["v3"]:
        return _kept(("v3", version), lambda: compact(_index(kinds, version)))
    if parts == ["v2"]:
        return _kept(("v2", version), lambda: compact(openapi.document_v2(kinds)))
    if parts == ["v2", PROTOBUF]:
        return _kept(("v2", PROTOBUF, version), lambda: protobuf.document_v2(openapi.document_v2(kinds)))
    if parts[:1] == ["v3"]:
        group = "" if parts[1] == "api" else parts[2] if len(parts) == 4 else None
        found = [k for k in kinds if k.group == group and k.version == parts[-1]]
        if found and len(parts) == (3 if not group else 4):
            return _kept((path, version), lambda: compact(openapi.document_v3(found)))
    raise no_such_resource()


def _index(kinds: list[Kind], version: int) -> Any:
    names = {f"apis/{k.group}/{k.version}" if k.group else f"api/{k.version}" for k in kinds}
    return {
        "paths": {n: {"serverRelativeURL": f"/openapi/v3/{n}?hash={version & 0xFFFFFFFFFFFF:X}"} for n in sorted(names)}
    }


def _kept(key: tuple[str | int, ...], make: Callable[[], bytes]) -> bytes:
    if key not in _made:
        for old in [k for k in _made if k[-1] != key[-1]]:
            del _made[old]
        _made[key] = make()
    return _made[key]
