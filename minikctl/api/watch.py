"""What a watch says, and who listens: shared by the server, the clients and the caches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from minikctl.api.meta import Obj

ADDED, MODIFIED, DELETED, BOOKMARK, ERROR = "ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"
Stop = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Event:
    """A watch event. type: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR (then object is a Status)."""

    type: str
    object: Obj


class Sink(Protocol):
    """What a reflector feeds: first everything, then each change."""

    def replace(self, objects: list[Obj]) -> None: ...

    def apply(self, event_type: str, obj: Obj) -> None: ...
