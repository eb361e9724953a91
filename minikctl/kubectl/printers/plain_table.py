"""Tables made here, for objects that came without one: `--server-print=false` and subresources."""

from __future__ import annotations

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.meta import Obj

_NAME = {"name": "Name", "type": "string", "format": "name"}
_AGE = {"name": "Age", "type": "string"}


def plain_table(objects: list[Obj], now: datetime) -> Obj:
    """Name and age of each; of Scales the replicas too."""
    scales = bool(objects) and objects[0].get("kind") == "Scale"
    columns = [_NAME, {"name": "Desired", "type": "integer"}, {"name": "Available", "type": "integer"}, _AGE]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": columns if scales else [_NAME, _AGE],
        "rows": [_row(o, now, scales) for o in objects],
    }


def _row(obj: Obj, now: datetime, scale: bool) -> Obj:
    metadata = obj.get("metadata") or {}
    numbers = [(obj.get(part) or {}).get("replicas", 0) for part in ("spec", "status")] if scale else []
    return {"cells": [metadata.get("name", ""), *numbers, since(metadata.get("creationTimestamp"), now)], "object": obj}
