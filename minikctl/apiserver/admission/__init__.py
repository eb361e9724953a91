"""Admission: what a request must pass after its user is known and before its object is stored.

A file here is one plugin: `PLUGIN = Plugin(name, order, …)`. `mutate(attributes, api)` may change `attributes.obj`,
which is private to the request; `validate(attributes, api)` raises ApiError. `api` reads other objects, as they are
now. Plugins run in the order of their numbers, which is Kubernetes' recommended one: all that mutate, then all that
validate. When a webhook or a policy has changed the object, those that mutate have a second turn
(`attributes.reinvoked`); they must come to the same object when they see their own work again.

Modules whose name begins with an underscore are what several plugins share, or what a plugin needs only where it has
something to do: a command that writes one object should not have to load all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Protocol

from minikctl.api.errors import ApiError
from minikctl.api.errors import forbidden as _forbidden
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, Objects
from minikctl.apiserver.request import Attributes, Context
from minikctl.util.clock import Clock

if TYPE_CHECKING:
    from minikctl.apiserver.auth.authorizer import Authorizer
    from minikctl.apiserver.resources import Resources


class Cluster(Protocol):
    """What a plugin may ask of the rest of the cluster: an `APIServer`. Reading is past admission and authorization."""

    clock: Clock
    resources: Resources

    @property
    def authorizer(self) -> Authorizer: ...

    def read(self, resource: str, namespace: str, name: str) -> Obj | None:
        """A stored object. Raises ApiError when there is no such resource."""
        ...

    def read_all(self, resource: str, namespace: str = "") -> Objects:
        """All stored objects of a resource, sorted by name; cheap where there are none."""
        ...

    def kind(self, resource: str) -> Kind: ...

    def write_raw(
        self, kind: Kind, namespace: str, name: str, change: Callable[[Obj], Obj], ctx: Context, *, expect: str = ""
    ) -> Obj:
        """Read, `change`, store; again on a conflict. What `change` raises goes through."""
        ...


Hook = Callable[[Attributes, Cluster], None]
EVERY_OPERATION = ("CREATE", "UPDATE", "DELETE", "CONNECT")


@dataclass(frozen=True, slots=True)
class Plugin:
    """One admission plugin; see the module's docstring. `handles` names resources, empty for all.

    `subresources`: those it wants to see beside or instead of the main resource (`""`), or `*`.
    """

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
    plugins: list[Plugin] = [
        import_module(f"{__name__}.{m.name}").PLUGIN
        for m in iter_modules([str(Path(__file__).parent)])
        if m.name[0] != "_"
    ]
    plugins.sort(key=lambda p: p.order)
    orders = [p.order for p in plugins]
    if len(set(orders)) != len(orders):
        raise ValueError(f"admission plugins share an order: {[(p.name, p.order) for p in plugins]}")
    return tuple(plugins)


@cache
def _hooks(step: str, operation: str, resource: str, subresource: str) -> tuple[Hook, ...]:
    """What a kind of request has to pass in a step (`mutate` or `validate`)."""
    return tuple(
        getattr(p, step)
        for p in chain()
        if getattr(p, step) is not None
        and operation in p.operations
        and (not p.handles or resource in p.handles)
        and ("*" in p.subresources or subresource in p.subresources)
    )


def mutate(a: Attributes, api: Cluster) -> None:
    """Let every plugin change the object. Raises ApiError."""
    hooks = _hooks("mutate", a.operation, a.kind.resource, a.subresource)
    for hook in hooks:
        hook(a, api)
    if a.wants_reinvocation:
        a.reinvoked = True
        for hook in hooks:
            hook(a, api)


def validate(a: Attributes, api: Cluster) -> None:
    """Let every plugin refuse the request. Raises ApiError."""
    for hook in _hooks("validate", a.operation, a.kind.resource, a.subresource):
        hook(a, api)


def admit(a: Attributes, api: Cluster) -> None:
    """Both turns at once: for requests that store nothing of what they bring. Raises ApiError."""
    mutate(a, api)
    validate(a, api)


CONNECTIONS = {"exec": "PodExecOptions", "attach": "PodAttachOptions", "portforward": "PodPortForwardOptions"}


def connect(
    api: Cluster, kind: Kind, namespace: str, name: str, subresource: str, options: Mapping[str, Any], ctx: Context
) -> None:
    """Whether a connection to a container may be opened; options as in PodExecOptions and its like. Raises ApiError."""
    asked = {"kind": CONNECTIONS[subresource], "apiVersion": "v1", **{k: v for k, v in options.items() if v}}
    shape = ("", "v1", CONNECTIONS[subresource])
    admit(Attributes("CONNECT", kind, namespace, name, asked, None, ctx, subresource, gvk=shape), api)


MUTATING_WEBHOOKS = "mutatingwebhookconfigurations.admissionregistration.k8s.io"
VALIDATING_WEBHOOKS = "validatingwebhookconfigurations.admissionregistration.k8s.io"


def may_wait(api: Cluster) -> bool:
    """Whether a request may have to wait for somebody outside: there are webhooks."""
    return any(api.read_all(resource) for resource in (MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS))


def forbidden(a: Attributes, why: str) -> ApiError:
    """The refusal of a request: `pods "web" is forbidden: …`, also for an object that has no name yet."""
    meta = (a.obj or {}).get("metadata") or {}
    name = a.name or meta.get("name") or meta.get("generateName") or "Unknown"
    return _forbidden(a.kind.plural, a.kind.group, name, why)
