"""A description of an object of the test's own, with the objects that are found around it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from minikctl.api import kinds
from minikctl.api.errors import not_found
from minikctl.api.kind import Kind
from minikctl.kubectl.describe import Subject, describer
from minikctl.kubectl.describe.writer import Writer

Obj = dict[str, Any]
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
MADE = "2026-01-01T11:58:00Z"


class Around:
    """A client that knows some objects and selects nothing: (resource, object) pairs."""

    def __init__(self, objects: Sequence[tuple[str, Obj]] = ()):
        self.objects = objects

    def list(self, kind: Kind | str, _namespace: str = "", **_selectors: str) -> Obj:
        name = kind if isinstance(kind, str) else kind.resource
        return {"items": [obj for resource, obj in self.objects if resource == name]}

    def get(self, kind: Kind | str, name: str, _namespace: str = "") -> Obj:
        for obj in self.list(kind)["items"]:
            if obj["metadata"]["name"] == name:
                found: Obj = obj
                return found
        raise not_found(str(kind), "", name)


def describe(word: str, obj: Obj, *around: tuple[str, Obj], events: bool = True) -> str:
    kind = kinds.find(word)
    assert kind is not None, word
    w = Writer()
    obj = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
    client: Any = Around(around)
    describer(kind).describe(Subject(client, obj, NOW, events), w)
    return w.aligned()


def meta(name: str = "x", **fields: Any) -> Obj:
    return {"name": name, "namespace": "default", "uid": "u1", "creationTimestamp": MADE, **fields}
