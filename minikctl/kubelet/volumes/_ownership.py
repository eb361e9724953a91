"""fsGroup: a volume's files are given to the pod's group, which may read and write them.

Source: Kubernetes concept "Configure a Security Context for a Pod or Container"; `pkg/volume/volume_linux.go`.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

FOLDER, FILE = stat.S_ISGID | 0o770, 0o660


def give(folder: Path, group: int, policy: str = "Always") -> None:
    """All of a volume; with `OnRootMismatch` only when the volume's own folder is not as it would be made.

    Links are not followed, nor anything that is turned into one meanwhile: another pod may be at work in the volume.
    Raises OSError. Only root may do it; for anybody else nothing happens.
    """
    if os.geteuid() != 0 or (policy == "OnRootMismatch" and _is_given(folder, group)):
        return
    for _base, _folders, names, here in os.fwalk(folder, follow_symlinks=False, topdown=False):
        for name in names:
            with suppress(OSError):  # it is gone, or a socket
                os.chown(name, -1, group, dir_fd=here, follow_symlinks=False)
                _open_up(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here))
        os.fchown(here, -1, group)
        os.fchmod(here, stat.S_IMODE(os.fstat(here).st_mode) | FOLDER)


def _open_up(fd: int) -> None:
    try:
        os.fchmod(fd, stat.S_IMODE(os.fstat(fd).st_mode) | FILE)
    finally:
        os.close(fd)


def _is_given(folder: Path, group: int) -> bool:
    status = folder.stat()
    return status.st_gid == group and status.st_mode & FOLDER == FOLDER
