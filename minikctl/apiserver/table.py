"""Server-side tables: what `get` shows, made once here for the command line and for HTTP clients (meta.k8s.io/v1 Table)."""

from __future__ import annotations

from datetime import datetime

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj

NO_OBJECT, METADATA, OBJECT = "None", "Metadata", "Object"


def column_definitions(kind: Kind) -> list[Obj]:
    return [
        {"name": c.name, "type": c.type, "format": c.format, "description": c.description, "priority": c.priority}
        for c in kind.columns
    ]


def rows(kind: Kind, objects: list[Obj], now: datetime, include: str = METADATA) -> list[Obj]:
    """One row an object: its cells, and the object itself as far as `include` asks."""
    out = []
    for obj in objects:
        row: Obj = {"cells": kind.row(obj, now)}
        if include == METADATA:
            row["object"] = {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": obj.get("metadata", {}),
            }
        elif include == OBJECT:
            row["object"] = obj
        out.append(row)
    return out


def table(kind: Kind, objects: list[Obj], now: datetime, list_metadata: Obj, include: str = METADATA) -> Obj:
    """The Table object for some objects of one kind."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_metadata,
        "columnDefinitions": column_definitions(kind),
        "rows": rows(kind, objects, now, include),
    }
