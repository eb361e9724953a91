"""hostPath: a file or folder of this machine, looked at as its `type` asks. Source: `pkg/volume/hostpath`."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from minikctl.api.meta import Obj
from minikctl.kubelet.volumes import Context, Mounted, VolumeError
from minikctl.util.files import open_folders

TYPE = "hostPath"
_CHECKS = {
    "Directory": (stat.S_ISDIR, "a directory"),
    "File": (stat.S_ISREG, "a file"),
    "Socket": (stat.S_ISSOCK, "a socket file"),
    "CharDevice": (stat.S_ISCHR, "a character device"),
    "BlockDevice": (stat.S_ISBLK, "a block device"),
}


def set_up(volume: Obj, _folder: Path, _ctx: Context) -> Mounted:
    path, kind = Path(os.path.normpath(volume["path"])), volume.get("type") or ""
    try:
        if kind == "DirectoryOrCreate":
            if not path.exists():
                open_folders(path)
            kind = "Directory"
        elif kind == "FileOrCreate":
            if not path.exists():
                path.touch()
                path.chmod(0o644)
            kind = "File"
        elif not kind and not path.exists():
            open_folders(path)  # as container runtimes do for a path that is not there
    except OSError as e:
        raise VolumeError(f"cannot make {path}: {e.strerror}") from None
    if kind:
        check, what = _CHECKS[kind]
        try:
            good = check(path.stat().st_mode)
        except OSError:
            good = False
        if not good:
            raise VolumeError(f"hostPath type check failed: {path} is not {what}")
    return Mounted(path)
