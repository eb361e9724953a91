"""New layers as tar files: from files that are copied, and from what a container wrote over its image.

The same files in the same order give the same bytes. Owners are numbers; an ordinary user's files are root's.
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from minikctl.runtime.oci.layer import OPAQUE, WHITEOUT

OPAQUE_MARK = "user.overlay.opaque"
Stamp = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class Owner:
    """None: as the file has it."""

    uid: int | None = None
    gid: int | None = None
    mode: int | None = None


class Layer:
    """A tar file being written into `out`."""

    def __init__(self, out: IO[bytes]):
        self._tar = tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - see `close`
        self._links: dict[tuple[int, int], str] = {}
        self._folders: set[str] = set()
        self.count = 0

    def close(self) -> None:
        self._tar.close()

    def add(self, source: Path, name: str, owner: Owner) -> None:
        """A file, a link, a pipe, or a folder without what is in it. Sockets and devices are left out."""
        found = os.lstat(source)
        member = tarfile.TarInfo(name)
        member.mode, member.mtime = stat.S_IMODE(found.st_mode), int(found.st_mtime)
        own = os.geteuid() == 0
        member.uid = owner.uid if owner.uid is not None else (found.st_uid if own else 0)
        member.gid = owner.gid if owner.gid is not None else (found.st_gid if own else 0)
        if stat.S_ISLNK(found.st_mode):
            member.type, member.linkname, member.mode = tarfile.SYMTYPE, os.readlink(source), 0o777
        elif stat.S_ISDIR(found.st_mode):
            member.type = tarfile.DIRTYPE
        elif stat.S_ISFIFO(found.st_mode):
            member.type = tarfile.FIFOTYPE
        elif not stat.S_ISREG(found.st_mode):
            return
        if owner.mode is not None and not member.issym():
            member.mode = owner.mode
        if not member.isreg():
            self._put(member)
            return
        inode = (found.st_dev, found.st_ino)
        if found.st_nlink > 1 and owner == Owner():
            if inode in self._links:
                member.type, member.linkname = tarfile.LNKTYPE, self._links[inode]
                self._put(member)
                return
            self._links[inode] = name
        with source.open("rb") as f:
            member.size = os.fstat(f.fileno()).st_size
            self._put(member, f)

    def folder(self, name: str, owner: Owner, mtime: int = 0) -> None:
        if name in self._folders:
            return
        self._folders.add(name)
        member = tarfile.TarInfo(name)
        member.type, member.mode, member.mtime = tarfile.DIRTYPE, owner.mode or 0o755, mtime
        member.uid, member.gid = owner.uid or 0, owner.gid or 0
        self._put(member)

    def member(self, member: tarfile.TarInfo, content: IO[bytes] | None) -> None:
        """Of another tar file."""
        self._put(member, content)

    def whiteout(self, name: str) -> None:
        folder, slash, last = name.rpartition("/")
        self._put(tarfile.TarInfo(f"{folder}{slash}{WHITEOUT}{last}"))

    def opaque(self, name: str) -> None:
        self._put(tarfile.TarInfo(f"{name}/{OPAQUE}"))

    def _put(self, member: tarfile.TarInfo, content: IO[bytes] | None = None) -> None:
        self._tar.addfile(member, content)
        self.count += 1


# ---------------------------------------------------------------------- what a container wrote


def stamps(folders: Mapping[str, Path]) -> dict[str, Stamp]:
    """What there is before: path in the image → what changes when somebody changes it."""
    found = {}
    for place, folder in folders.items():
        for path, name in _walk(folder, place):
            found[name] = _stamp(path)
    return found


def written(layer: Layer, folders: Mapping[str, Path], before: Mapping[str, Stamp], without: Iterable[str]) -> None:
    """Put what is new, changed or deleted in the upper folders of overlays. `folders`: place in the image → folder."""
    for place, folder in folders.items():
        left_out = {*without, *(() if place else folders)} - {""}  # what is mounted over the root is not of the root
        for path, name in _walk(folder, place):
            if name in left_out or any(name.startswith(f"{other}/") for other in left_out):
                continue
            found = os.lstat(path)
            if before.get(name) == _stamp(path):
                continue
            if stat.S_ISCHR(found.st_mode) and found.st_rdev == 0:
                layer.whiteout(name)
                continue
            layer.add(path, name, Owner())
            if stat.S_ISDIR(found.st_mode) and _is_opaque(path):
                layer.opaque(name)


def _walk(folder: Path, place: str) -> Iterable[tuple[Path, str]]:
    for name in sorted(os.listdir(folder)):
        path, inside = folder / name, f"{place}/{name}" if place else name
        yield path, inside
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path, inside)


def _stamp(path: Path) -> Stamp:
    """Of folders only what is their own: what is in them is looked at by itself."""
    found = os.lstat(path)
    if stat.S_ISDIR(found.st_mode):
        return found.st_mode, found.st_uid, found.st_gid, 0, int(_is_opaque(path))
    return found.st_mode, found.st_uid, found.st_gid, found.st_size, found.st_mtime_ns ^ found.st_ino


def _is_opaque(path: Path) -> bool:
    try:
        return os.getxattr(path, OPAQUE_MARK, follow_symlinks=False) == b"y"
    except OSError:
        return False
