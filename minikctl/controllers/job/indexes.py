"""Sets of completion indexes and their short form, `1,3-5,7`. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

Indexes = frozenset[int]


def parse(text: str, completions: int) -> Indexes:
    """The indexes below `completions`; what cannot be read is left out."""
    found: set[int] = set()
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        if first.isdigit() and (last.isdigit() or not last):
            found.update(range(int(first), min(int(last or first), completions - 1) + 1))
    return frozenset(found)


def text(indexes: Iterable[int]) -> str:
    """The short form: a range for three in a row and more."""
    ordered = sorted(indexes)
    if not ordered:
        return ""
    breaks = [i + 1 for i, (a, b) in enumerate(pairwise(ordered)) if b != a + 1]
    runs = [ordered[i:j] for i, j in pairwise([0, *breaks, len(ordered)])]
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs)


def first_missing(taken: Indexes, completions: int, count: int) -> list[int]:
    """The lowest `count` indexes that are not taken."""
    missing: list[int] = []
    for index in range(completions):
        if len(missing) >= count:
            break
        if index not in taken:
            missing.append(index)
    return missing
