"""Folders in memory for what is not to be on a disk: secrets, and volumes whose medium is memory.

They are under /dev/shm, which every Linux system has and where every user may make a folder: nothing is mounted, so
nothing can stay mounted. Whose folder of that name belongs to somebody else, or who has no /dev/shm, gets none. As on a
machine that is switched off, all of it is gone when the cluster stops.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

SHARED = Path("/dev/shm")
PODS = "pods"


def root(pods: Path) -> Path:
    """The folder of one cluster, that belongs to its `pods` folder. It need not be there."""
    return SHARED / f"minikctl-{hashlib.sha256(os.fsencode(pods)).hexdigest()[:12]}"


def place(folder: Path) -> Path | None:
    """Where a volume is in memory that would be in `folder` (`…/pods/<uid>/volumes/<type>/<name>`) on disk; None where
    it cannot be. The folders on the way to it are made."""
    if len(folder.parents) < 4 or folder.parents[3].name != PODS:
        return None
    top, wanted = root(folder.parents[3]), folder.relative_to(folder.parents[3])
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)  # first: memory without a pod is removed
        top.mkdir(mode=0o700, exist_ok=True)
        about = top.lstat()
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid():
            return None
        (top / wanted).parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return top / wanted


def pods_in(pods: Path) -> list[str]:
    """The pods that have something in memory."""
    try:
        return sorted(p.name for p in root(pods).iterdir())
    except OSError:
        return []
