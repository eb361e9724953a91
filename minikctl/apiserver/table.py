"""Server-side tables: what `get` shows, made once here for the command line and for HTTP clients (meta.k8s.io/v1 Table)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from minikctl.api.durations import since
from minikctl.api.kind import AGE, NAME, Column, Kind
from minikctl.api.meta import Obj

NO_OBJECT, METADATA, OBJECT = "None", "Metadata", "Object"


SCALE = (
    NAME,
    Column("Desired", "integer", description="Instances wanted."),
    Column("Available", "integer", description="Instances there are."),
    AGE,
)


def column_definitions(kind: Kind) -> list[Obj]:
    return _definitions(kind.columns)


def _definitions(columns: tuple[Column, ...]) -> list[Obj]:
    return [
        {"name": c.name, "type": c.type, "format": c.format, "description": c.description, "priority": c.priority}
        for c in columns
    ]


def rows(kind: Kind, objects: list[Obj], now: datetime, include: str = METADATA) -> list[Obj]:
    """One row an object: its cells, and the object itself as far as `include` asks."""
    return [_row(obj, kind.row(obj, now), include) for obj in objects]


def _row(obj: Obj, cells: Any, include: str) -> Obj:
    row: Obj = {"cells": cells}
    if include == METADATA:
        row["object"] = {
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": obj.get("metadata", {}),
        }
    elif include == OBJECT:
        row["object"] = obj
    return row


def table(kind: Kind, objects: list[Obj], now: datetime, list_metadata: Obj, include: str = METADATA) -> Obj:
    """The Table object for some objects of one kind."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_metadata,
        "columnDefinitions": column_definitions(kind),
        "rows": rows(kind, objects, now, include),
    }


def scale_table(scale: Obj, now: datetime, include: str = METADATA) -> Obj:
    """The table of one autoscaling/v1 Scale."""
    metadata = scale["metadata"]
    numbers = [(scale.get(part) or {}).get("replicas", 0) for part in ("spec", "status")]
    cells = [metadata.get("name", ""), *numbers, since(metadata.get("creationTimestamp"), now)]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": metadata.get("resourceVersion", "")},
        "columnDefinitions": _definitions(SCALE),
        "rows": [_row(scale, cells, include)],
    }
