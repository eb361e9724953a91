"""Cause and effect: the resourceVersion that the current work reacts to, noted in the journal with every write.

A controller's queue remembers which change put a key into it; while the key is synced, `because()` is that version.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_because: ContextVar[int | None] = ContextVar("because", default=None)


def because() -> int | None:
    """The resourceVersion that writes of this thread react to; None outside of a reaction."""
    return _because.get()


@contextmanager
def reacting_to(resource_version: int | str | None) -> Iterator[None]:
    """All writes inside note this version as their cause."""
    token = _because.set(int(resource_version) if resource_version else None)
    try:
        yield
    finally:
        _because.reset(token)
