"""Waiting until something can be read, however many files the process has open: select() refuses descriptors ≥ 1,024."""

from __future__ import annotations

import math
import select
from collections.abc import Iterable


def readable(descriptors: Iterable[int], seconds: float | None = None) -> list[int]:
    """Those that can be read without blocking, or have come to their end; waits for one, at most so long (None: for ever)."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    # Rounded up: a wait that ended a little too early would be repeated in a busy loop.
    return [found for found, _ in poll.poll(None if seconds is None else math.ceil(max(0.0, seconds) * 1000))]
