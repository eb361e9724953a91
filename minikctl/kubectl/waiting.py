"""Waiting for one object: its state now and every change after it, until a deadline."""

from __future__ import annotations

from collections.abc import Iterator

from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.client import Event
from minikctl.kubectl.command import Invocation

WEEK = 168 * 3600.0


class TimedOut(Exception):
    """The deadline came first."""


class Deadline:
    """Seconds from now; None or 0 means that there is none."""

    def __init__(self, call: Invocation, seconds: float | None):
        self._clock = call.env.clock
        self._end = self._clock.monotonic() + seconds if seconds else None

    def left(self) -> float | None:
        """Seconds that remain, None without a deadline. Raises TimedOut when they are over."""
        if self._end is None:
            return None
        left = self._end - self._clock.monotonic()
        if left <= 0:
            raise TimedOut
        return left


def changes(call: Invocation, kind: Kind, namespace: str, name: str, deadline: Deadline) -> Iterator[Event | None]:
    """ADDED for the object as it is, then each change; None once, first of all, when it does not exist.

    A watch that the server ends is begun anew without losing anything. Raises TimedOut, ApiError.
    """
    selector = f"metadata.name={name}"
    seen = ""
    while True:
        deadline.left()
        listing = call.client.list(kind, namespace, field_selector=selector)
        found = (listing.get("items") or [None])[0]
        if found is None:
            yield None if not seen else Event("DELETED", {"metadata": {"name": name, "namespace": namespace}})
        elif found["metadata"].get("resourceVersion") != seen:
            yield Event("MODIFIED" if seen else "ADDED", found)
        version = listing["metadata"]["resourceVersion"]
        try:
            watch = call.client.watch(
                kind, namespace, resource_version=version, field_selector=selector, timeout=deadline.left()
            )
            for event in watch:
                if event.type in ("ADDED", "MODIFIED", "DELETED"):
                    seen = event.object["metadata"].get("resourceVersion", "")
                    yield event
        except ApiError as e:
            if e.reason != "Expired":
                raise
        seen = seen or version
