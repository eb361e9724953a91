"""Admission: what a request must pass after its user is known and before its object is stored.

A file here is one plugin: `PLUGIN = Plugin(name, order, …)`. `mutate(attributes, api)` may change `attributes.obj`,
which is private to the request; `validate(attributes, api)` raises ApiError. `api` reads other objects. Plugins run in
the order of their numbers, which is Kubernetes' recommended one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Protocol

from minikctl.api.meta import Obj
from minikctl.apiserver.request import Attributes


class Reader(Protocol):
    """What a plugin may ask of the rest of the cluster: stored objects, as they are now."""

    def read(self, resource: str, namespace: str, name: str) -> Obj | None: ...

    def read_all(self, resource: str, namespace: str = "") -> list[Obj]: ...


Hook = Callable[[Attributes, Reader], None]


@dataclass(frozen=True, slots=True)
class Plugin:
    """One admission plugin; see the module's docstring. `handles` names resources, empty for all."""

    name: str
    order: int
    mutate: Hook | None = None
    validate: Hook | None = None
    operations: tuple[str, ...] = ("CREATE", "UPDATE")
    handles: frozenset[str] = frozenset()
    subresources: frozenset[str] = frozenset({""})


@cache
def chain() -> tuple[Plugin, ...]:
    """All plugins in order. Raises ValueError when two share a place."""
    plugins = [
        import_module(f"{__name__}.{m.name}").PLUGIN
        for m in iter_modules([str(Path(__file__).parent)])
        if m.name[0] != "_"
    ]
    plugins.sort(key=lambda p: p.order)
    orders = [p.order for p in plugins]
    if len(set(orders)) != len(orders):
        raise ValueError(f"admission plugins share an order: {[(p.name, p.order) for p in plugins]}")
    return tuple(plugins)


def _concerns(plugin: Plugin, a: Attributes) -> bool:
    return (
        a.operation in plugin.operations
        and (not plugin.handles or a.kind.resource in plugin.handles)
        and ("*" in plugin.subresources or a.subresource in plugin.subresources)
    )


def mutate(a: Attributes, api: Reader) -> None:
    """Let every plugin change the object."""
    for plugin in chain():
        if plugin.mutate and _concerns(plugin, a):
            plugin.mutate(a, api)


def validate(a: Attributes, api: Reader) -> None:
    """Let every plugin refuse the request. Raises ApiError."""
    for plugin in chain():
        if plugin.validate and _concerns(plugin, a):
            plugin.validate(a, api)
