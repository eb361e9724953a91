"""What can go wrong in the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minikctl.util.errors import EnvironmentProblem


class StoreError(EnvironmentProblem):
    """The state directory cannot be used: read-only, full, or damaged beyond repair. The message names the file."""


class CorruptObject(StoreError):
    """One object's file is no JSON object (edited by hand, most likely). The rest of the store is not concerned."""

    def __init__(self, path: Path, key: str, why: str):
        super().__init__(f"{path}: {why}")
        self.path, self.key, self.why = path, key, why


class StoreExists(Exception):
    """create: the key is taken."""


class StoreMissing(Exception):
    """update, delete: there is no such key."""


class StoreMoved(Exception):
    """update, delete: the object has another resourceVersion by now."""

    def __init__(self, current: dict[str, Any]):
        super().__init__("resourceVersion differs")
        self.current = current


class Compacted(Exception):
    """watch: the journal no longer reaches back to the resourceVersion asked for. The API answers 410 Gone."""


class FutureVersion(Exception):
    """watch: the resourceVersion asked for has not been written yet."""

    def __init__(self, asked: int, current: int):
        super().__init__(f"Too large resource version: {asked}, current: {current}")
        self.asked, self.current = asked, current
