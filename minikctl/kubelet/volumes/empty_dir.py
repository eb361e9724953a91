"""emptyDir: a folder that begins empty and ends with the pod; in memory where that is asked for."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from minikctl.api.meta import Obj
from minikctl.kubelet.volumes import Context, Mounted
from minikctl.runtime.process import memory

TYPE = "emptyDir"


def set_up(volume: Obj, folder: Path, ctx: Context) -> Mounted:
    mode = 0o777
    if volume.get("medium") == "Memory":
        folder = memory.place(folder) or folder
        mode |= stat.S_ISVTX  # as a tmpfs has it
    if not folder.exists():
        folder.mkdir(parents=True)
        if ctx.fs_group is not None and os.geteuid() == 0:
            os.chown(folder, -1, ctx.fs_group)
            mode |= stat.S_ISGID
        folder.chmod(mode)
    return Mounted(folder)
