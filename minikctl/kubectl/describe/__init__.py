"""Descriptions: many lines about one object and what hangs together with it, as `kubectl describe` prints them.

`kinds/` is the registry: one file a kind, named after it, with `GROUP`, the API group that it is about, and
`describe(about, w)`. A kind without a file gets the generic description: all its fields, with titles for names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.client import Client
from minikctl.kubectl.describe import events
from minikctl.kubectl.describe.writer import Writer


@dataclass(frozen=True)
class Subject:
    """What is described, and where more can be found out."""

    client: Client
    obj: Obj
    now: datetime
    show_events: bool = True

    def events(self, w: Writer, found: list[Obj] | None = None) -> None:
        """The Events table, if wanted; `found` when they are not simply those about the object."""
        if self.show_events:
            events.describe(events.search(self.client, self.obj) if found is None else found, w, self.now)


def describe(client: Client, kind: Kind, namespace: str, name: str, *, now: datetime, show_events: bool = True) -> str:
    """The description of one object, read afresh. Raises ApiError."""
    obj = client.get(kind, name, namespace if kind.namespaced else "")
    obj = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
    w = Writer()
    describer(kind).describe(Subject(client, obj, now, show_events), w)
    return w.aligned()


def describer(kind: Kind) -> ModuleType:
    """The module that describes a kind."""
    module = f"{__name__}.kinds.{module_name(kind.kind)}"
    if find_spec(module) is not None:
        found = import_module(module)
        if kind.group == found.GROUP:
            return found
    return import_module(f"{__name__}.generic")


def module_name(kind: str) -> str:
    """`StatefulSet` → stateful_set, `CSINode` → csi_node, `IPAddress` → ip_address."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind).lower()
