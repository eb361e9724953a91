"""Pods that end again and again on a node are replaced less and less often. Source: client-go `flowcontrol.Backoff`."""

from __future__ import annotations

FIRST_SECONDS, LONGEST_SECONDS = 1.0, 900.0


class Backoff:
    """By key: the present delay, and when it began. Time in seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, float]] = {}

    def remaining(self, key: str, now: float) -> float:
        """Seconds still to wait, 0 when it may go on."""
        delay, since = self._known.get(key, (0.0, 0.0))
        return max(since + delay - now, 0.0)

    def next(self, key: str, now: float) -> None:
        """It went on: the next time has to wait twice as long, unless all was well for a long while."""
        delay, since = self._known.get(key, (0.0, now))
        if now - since > 2 * LONGEST_SECONDS:
            delay = 0.0
        self._known[key] = (min(delay * 2, LONGEST_SECONDS) if delay else FIRST_SECONDS, now)

    def forget(self, prefix: str) -> None:
        self._known = {k: v for k, v in self._known.items() if not k.startswith(prefix)}
