"""Waiting longer after every failure: 10 s, 20 s, 40 s … up to 5 minutes.

Source: client-go `util/flowcontrol/backoff.go`, as the kubelet uses it for restarts and for image pulls.
"""

from __future__ import annotations

from dataclasses import dataclass

INITIAL, LONGEST, FORGOTTEN = 10.0, 300.0, 600.0


@dataclass
class _Entry:
    delay: float
    updated: float


class BackOff:
    """Delays by key. Times are seconds of one clock; a key that was quiet for ten minutes starts over."""

    def __init__(self, initial: float = INITIAL, longest: float = LONGEST):
        self._initial, self._longest = min(initial, longest), longest
        self._entries: dict[str, _Entry] = {}

    def delay(self, key: str) -> float:
        """The current delay of a key, 0 when it never failed."""
        entry = self._entries.get(key)
        return entry.delay if entry else 0.0

    def remaining(self, key: str, since: float, now: float) -> float:
        """How long to wait still, when the thing failed at `since`; 0 when it may be tried now."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, since):
            return 0.0
        return max(0.0, since + entry.delay - now)

    def remaining_since_update(self, key: str, now: float) -> float:
        """The same, counted from the last `next`."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, now):
            return 0.0
        return max(0.0, entry.updated + entry.delay - now)

    def next(self, key: str, event: float, now: float) -> None:
        """Another try (or failure) of the key is being made: the next wait is twice as long."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, event):
            self._entries[key] = _Entry(self._initial, now)
        else:
            self._entries[key] = _Entry(min(entry.delay * 2, self._longest), now)

    def forget(self, prefix: str) -> None:
        """Drop all keys that begin so: the pod is gone."""
        for key in [k for k in self._entries if k.startswith(prefix)]:
            del self._entries[key]

    def _expired(self, entry: _Entry, event: float) -> bool:
        return event - entry.updated > FORGOTTEN
