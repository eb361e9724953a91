"""How much disk a folder takes, as `du` counts: blocks, every file once, links not followed."""

from __future__ import annotations

import os
from pathlib import Path


def size(folder: Path) -> int:
    """Bytes; what cannot be read counts nothing."""
    total, waiting, seen = 0, [os.fspath(folder)], set()
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                about = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if about.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
                if (about.st_dev, about.st_ino) in seen:
                    continue
                seen.add((about.st_dev, about.st_ino))
            total += about.st_blocks * 512
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
    return total
