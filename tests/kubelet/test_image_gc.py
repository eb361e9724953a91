"""Which images go when the disk is full."""

from __future__ import annotations

import pytest

from minikctl.kubelet.image_gc import PERIOD, ImageGC, Policy, excess
from minikctl.kubelet.settings import Settings, parse
from minikctl.runtime.interface import ImageFailure, ImageStatus
from minikctl.util.clock import FakeClock

GB = 1 << 30


@pytest.mark.parametrize(
    ("available", "wanted"), [(50 * GB, 0), (16 * GB, 0), (15 * GB, 5 * GB), (5 * GB, 15 * GB), (0, 20 * GB)]
)
def test_excess(available: int, wanted: int) -> None:
    assert excess(100 * GB, available, Policy(85, 80)) == wanted
    assert excess(0, 0, Policy()) == 0


class Images:
    def __init__(self, *names: str, pinned: str = "") -> None:
        self.there = [ImageStatus(f"sha256:{n}", (f"r/{n}:1",), "r", GB, pinned=n == pinned) for n in names]
        self.in_use: set[str] = set()
        self.refused: set[str] = set()

    def list(self):
        return self.there

    def used(self):
        return {f"r@sha256:{n}" for n in self.in_use}

    def tidy(self):
        return None

    def remove(self, tag):
        if tag[2] in self.refused:
            raise ImageFailure("used")
        self.there = [i for i in self.there if i.tags[0] != tag]

    def names(self) -> str:
        return "".join(i.digest[7:] for i in self.there)


def test_the_longest_unused_go_first() -> None:
    clock, images, free = FakeClock(), Images(*"abcde", pinned="e"), [50 * GB]
    gc = ImageGC(images, clock, Policy(85, 80), lambda: (100 * GB, free[0]))
    images.in_use = {"a"}
    assert gc.look() == "" and not gc.due()
    clock.advance(PERIOD)
    assert gc.due()
    images.in_use = {"d"}
    free[0] = int(18.5 * GB)
    assert gc.look() == "" and images.names() == "abcde", "the disk is not full"
    clock.advance(PERIOD)
    free[0] = int(15 * GB)
    images.refused = {"c"}
    text = "Attempted to free 5368709120 bytes, but only found 2147483648 bytes eligible to free."
    assert gc.look().endswith(text)
    assert images.names() == "cde", "d is in use, e is pinned, c has a container on another node"


def test_young_images_stay() -> None:
    clock, images = FakeClock(), Images("a")
    gc = ImageGC(images, clock, Policy(85, 80, 120), lambda: (100 * GB, 1 * GB))
    assert gc.look() and images.names() == "a"
    clock.advance(120)
    gc.look()
    assert images.names() == ""


def test_settings() -> None:
    given = {"imageGCHighThresholdPercent": 85, "imageGCLowThresholdPercent": 80, "imageMinimumGCAge": "5m0s"}
    assert Policy.of(parse(given)) == Policy(85, 80, 300)
    assert Settings().image_pulls_at_a_time == 1
    assert parse({"serializeImagePulls": False, "maxParallelImagePulls": 3}).image_pulls_at_a_time == 3
