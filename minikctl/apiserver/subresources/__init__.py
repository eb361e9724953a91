"""Subresources beyond `/status`: one file each, `HANDLER = Handler(…)`, found by resource and subresource name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.apiserver.request import Context

if TYPE_CHECKING:
    from minikctl.apiserver.server import APIServer


@dataclass(frozen=True, slots=True)
class Handler:
    """What a subresource answers. `resource` `*` serves every kind that lists the subresource.

    get(api, kind, namespace, name, ctx); create, update and apply (server-side) take the request's object before ctx.
    """

    resource: str
    subresource: str
    get: Callable[[APIServer, Kind, str, str, Context], Obj] | None = None
    create: Callable[[APIServer, Kind, str, str, Obj, Context], Obj] | None = None
    update: Callable[[APIServer, Kind, str, str, Obj, Context], Obj] | None = None
    apply: Callable[[APIServer, Kind, str, str, Obj, Context], Obj] | None = None


@cache
def _handlers() -> dict[tuple[str, str], Handler]:
    found: dict[tuple[str, str], Handler] = {}
    for module in iter_modules([str(Path(__file__).parent)]):
        handler = import_module(f"{__name__}.{module.name}").HANDLER
        key = (handler.resource, handler.subresource)
        if key in found:
            raise ValueError(f"two handlers for {key}")
        found[key] = handler
    return found


def find(kind: Kind, subresource: str) -> Handler | None:
    """The handler of a kind's subresource."""
    handlers = _handlers()
    return handlers.get((kind.resource, subresource)) or handlers.get(("*", subresource))
