"""hostPath: a file or folder of this machine. Source: concept "Volumes" (hostPath), with its types."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from minikctl.api.meta import Obj
from minikctl.kubelet.volumes import Setting, VolumeProblem

SOURCES = ("hostPath",)
_KINDS: dict[str, tuple[Callable[[int], bool], str]] = {
    "Directory": (stat.S_ISDIR, "a directory"),
    "DirectoryOrCreate": (stat.S_ISDIR, "a directory"),
    "File": (stat.S_ISREG, "a file"),
    "FileOrCreate": (stat.S_ISREG, "a file"),
    "Socket": (stat.S_ISSOCK, "a socket file"),
    "CharDevice": (stat.S_ISCHR, "a character device"),
    "BlockDevice": (stat.S_ISBLK, "a block device"),
}


def prepare(source: Obj, setting: Setting) -> Path:
    path, kind = Path(source["path"]), source.get("type") or ""
    try:
        if kind in ("DirectoryOrCreate", "") and not path.exists():
            path.mkdir(parents=True, mode=0o755)
        elif kind == "FileOrCreate" and not path.exists():
            path.touch(mode=0o644)
        if kind in _KINDS:
            is_one, words = _KINDS[kind]
            if not path.exists() or not is_one(path.stat().st_mode):
                raise VolumeProblem(_text(setting, f"hostPath type check failed: {path} is not {words}"))
    except OSError as e:
        raise VolumeProblem(_text(setting, f"{e.strerror}: {path}")) from None
    return path


def _text(setting: Setting, why: str) -> str:
    return f'MountVolume.SetUp failed for volume "{setting.name}" : {why}'
