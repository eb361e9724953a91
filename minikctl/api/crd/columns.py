"""The table of a custom resource: additionalPrinterColumns. Source: apiextensions `registry/customresource/tableconvertor`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from minikctl.api.durations import since
from minikctl.api.jsonpath import JSONPath
from minikctl.api.jsonpath.parser import JSONPathError
from minikctl.api.kind import Cell, Column
from minikctl.api.meta import Obj
from minikctl.util import go_format
from minikctl.util.jsonio import go_json

NAME = Column(
    "Name",
    format="name",
    description=(
        "Name must be unique within a namespace. Is required when creating resources, although some resources may allow "
        "a client to request the generation of an appropriate name automatically. Name is primarily intended for "
        "creation idempotence and configuration definition. Cannot be updated. More info: "
        "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
    ),
)
AGE: Obj = {
    "name": "Age",
    "type": "date",
    "jsonPath": ".metadata.creationTimestamp",
    "description": (
        "CreationTimestamp is a timestamp representing the server time when this object was created. It is not "
        "guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is "
        "represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: "
        "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"
    ),
}
"""What a version without columns of its own shows beside the name."""

Row = Callable[[Obj, datetime], list[Cell]]


def table(columns: list[Obj]) -> tuple[tuple[Column, ...], Row]:
    """The columns of a version and the function that makes a row."""
    shown = _readable(columns) or [AGE]
    heads = tuple(
        Column(
            c["name"],
            c.get("type") or "",
            c.get("format") or "",
            int(c.get("priority") or 0),
            c.get("description") or f"Custom resource definition column (in JSONPath format): {c['jsonPath']}",
        )
        for c in shown
    )
    finders = [(c.get("type") or "", _finder(c["jsonPath"])) for c in shown]

    def row(obj: Obj, now: datetime) -> list[Cell]:
        return [obj["metadata"].get("name"), *(_cell(kind, find(obj), now) for kind, find in finders)]

    return (NAME, *heads), row


def _readable(columns: list[Obj]) -> list[Obj]:
    """The columns up to the first whose path is none."""
    for i, column in enumerate(columns):
        try:
            JSONPath(f"{{{column['jsonPath']}}}")
        except JSONPathError:
            return columns[:i]
    return columns


def _finder(path: str) -> Callable[[Obj], Any]:
    """The first value at a path, None when there is none."""
    parsed = JSONPath(f"{{{path}}}")

    def find(obj: Obj) -> Any:
        try:
            found = parsed.find(obj)
        except JSONPathError:
            return None
        return found[0][0] if found and found[0] else None

    return find


def _cell(kind: str, value: Any, now: datetime) -> Cell:
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case "integer":
            return int(value) if is_number else None
        case "number":
            return float(value) if is_number else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "string":
            return _text(value)
        case "date":
            return _age(value, now) if isinstance(value, str) else None
    return None


def _text(value: Any) -> str:
    """As JSONPath prints: structures as JSON."""
    if isinstance(value, dict | list):
        return go_json(value, sort_keys=True)
    return go_format.sprint(value)


def _age(value: str, now: datetime) -> str:
    try:
        return since(value, now)
    except (ValueError, TypeError):
        return "<invalid>"
