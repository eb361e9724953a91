"""Paths inside of an unpacked image, as its processes would follow them: links never lead out of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_DEEPEST = 40
"""Symbolic links in one path, as the kernel counts."""


def resolve(root: Path, path: str, links: Mapping[str, str] | None = None) -> str:
    """The path without links; what is not there stays as it is written. `links`: others that the container has."""
    done: list[str] = []
    left, seen = [p for p in path.split("/") if p], 0
    while left:
        part = left.pop(0)
        if part in ("", "."):
            continue
        if part == "..":
            done = done[:-1]
            continue
        here = "/".join(["", *done, part])
        target = (links or {}).get(here) or _target(root, here)
        if target is None or seen >= _DEEPEST:
            done.append(part)
            continue
        seen += 1
        done = [] if target.startswith("/") else done
        left = target.split("/") + left
    return "/" + "/".join(done)


def within(root: Path, path: str) -> Path:
    """Where a path of the image's is on this machine."""
    return root / resolve(root, path).lstrip("/")


def _target(root: Path, path: str) -> str | None:
    try:
        return os.readlink(f"{root}{path}")
    except OSError:
        return None
