"""Taking images away when the disk fills up: those that no container has, those unused for the longest time first.

Only what was pulled goes: it can be pulled again. What a person loaded or built here is pinned. The disk is somebody's
own and often rather full, so that the thresholds are 95 and 90 percent, not Kubernetes' 85 and 80.

Source: Kubernetes concept "Garbage collection of containers and images"; kubelet `images/image_gc_manager.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from minikctl.kubelet.settings import Settings
from minikctl.runtime.interface import ImageFailure, ImageService, ImageStatus
from minikctl.util.clock import Clock

PERIOD = 300.0
"""Seconds between two looks."""
FAILED = "FreeDiskSpaceFailed"


@dataclass(frozen=True)
class Policy:
    """Percentages of the disk's use: above `high`, images are taken away until it is `low`. min_age in seconds."""

    high: int = 95
    low: int = 90
    min_age: float = 120.0

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        high = settings.image_gc_high_threshold_percent
        return cls(high, min(settings.image_gc_low_threshold_percent, high), settings.image_minimum_gc_age)


@dataclass(frozen=True)
class Seen:
    """When (monotonic) an image was first seen, and when a container last had it."""

    first: float
    used: float = 0.0


def excess(capacity: int, available: int, policy: Policy) -> int:
    """Bytes to free; 0 as long as the disk is not used above the threshold."""
    if capacity <= 0 or 100 - available * 100 // capacity < policy.high:
        return 0
    return max(0, capacity * (100 - policy.low) // 100 - available)


def candidates(
    images: Iterable[ImageStatus], seen: Mapping[str, Seen], used: frozenset[str], policy: Policy, now: float
) -> list[ImageStatus]:
    """The images that may go, in the order in which they should."""
    free = [i for i in images if not i.pinned and i.ref not in used]
    old = [i for i in free if now - seen[i.ref].first >= policy.min_age]
    return sorted(old, key=lambda i: (seen[i.ref].used, seen[i.ref].first))


class ImageGC:
    """One a node. `disk` gives capacity and available bytes of the images' file system."""

    def __init__(self, images: ImageService, clock: Clock, policy: Policy, disk: Callable[[], tuple[int, int]]):
        self._images, self._clock, self._policy, self._disk = images, clock, policy, disk
        self._seen: dict[str, Seen] = {}
        self._last = clock.monotonic()

    def due(self) -> bool:
        """Whether it is time for another look."""
        return self._clock.monotonic() - self._last >= PERIOD

    def look(self) -> str:
        """Take away what has to go; what could not be done, for an Event of the Node, or "". Raises OSError."""
        now = self._last = self._clock.monotonic()
        listed, used = list(self._images.list()), frozenset(self._images.used())
        known = {i.ref: self._seen.get(i.ref, Seen(now)) for i in listed}
        self._seen = {ref: Seen(s.first, now) if ref in used else s for ref, s in known.items()}
        self._images.tidy()
        wanted = excess(*self._disk(), self._policy)
        if not wanted:
            return ""
        freed = 0
        for image in candidates(listed, self._seen, used, self._policy, now):
            try:
                for tag in image.tags or (image.ref,):
                    self._images.remove(tag)
            except ImageFailure:
                continue  # a container of another node has it
            freed += image.size
            if freed >= wanted:
                return ""
        return (
            f"Failed to garbage collect required amount of images. Attempted to free {wanted} bytes, "
            f"but only found {freed} bytes eligible to free."
        )
