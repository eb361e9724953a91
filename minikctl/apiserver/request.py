"""Who asks for what, and how: the parameters that all verbs share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.api.repeated import Fields


@dataclass(frozen=True, slots=True)
class User:
    """An authenticated user (authentication/v1 UserInfo)."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict)


ADMIN = User("kubernetes-admin", ("system:masters", "system:authenticated"))


def component(name: str) -> User:
    """The identity of a control plane component, as kubeadm names them."""
    if name.startswith("kubelet/"):
        return User(f"system:node:{name[8:]}", ("system:nodes", "system:authenticated"))
    return User(f"system:{name}", ("system:masters", "system:authenticated"))


@dataclass(slots=True)
class Context:
    """One request's circumstances.

    actor: what the journal notes as the writer; because: the resourceVersion that it reacts to, None for a person.
    field_validation: Strict (unknown fields are errors), Warn or Ignore. warnings collects texts for the caller.
    """

    user: User = ADMIN
    actor: str = "minikctl"
    because: int | None = None
    dry_run: bool = False
    field_manager: str = ""
    field_validation: str = "Warn"
    force: bool = False
    agent: str = ""
    """The client program, when it is not the actor: what managedFields call a writer that gives no field manager."""
    subresource: str = ""
    """The subresource through which the main object is written (`scale`): for managedFields."""
    applies: bool = False
    """True while a server-side apply is carried out: it keeps its own account of who owns what."""
    warnings: list[str] = field(default_factory=list)
    repeated: Fields = ()
    """All fields of the client's text, when it has some twice (`api.repeated`)."""
    annotations: dict[str, str] = field(default_factory=dict)
    """What admission notes for an audit log."""

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def with_(self, **changes: Any) -> Context:
        """A copy for a sub-request; shares warnings and annotations."""
        return replace(self, **changes)


@dataclass(slots=True)
class Attributes:
    """What admission sees: the operation and the object before and after it."""

    operation: str  # CREATE UPDATE DELETE CONNECT
    kind: Kind
    namespace: str
    name: str
    obj: Obj | None
    old: Obj | None
    context: Context
    subresource: str = ""
    options: Obj = field(default_factory=dict)
    gvk: tuple[str, str, str] | None = None
    """Group, version and kind of `obj`, where the subresource has one of its own (Eviction, Scale, Binding)."""
    reinvoked: bool = False
    """True during the second turn of the plugins that mutate."""
    wants_reinvocation: bool = False
    """Set by a plugin whose change others should see."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What a plugin remembers from its first turn, by its name."""


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """metav1.DeleteOptions: seconds of grace (None: the kind's own), Background | Foreground | Orphan, preconditions."""

    grace_period: int | None = None
    propagation: str = ""
    uid: str = ""
    resource_version: str = ""
