"""Files to and from containers as tar streams. Source: kubectl `pkg/cmd/cp`.

Guarantees: nothing is written outside the local destination: members with `..` or absolute names are refused or put
below it, links are never made and never followed out of it.
"""

from __future__ import annotations

import io
import os
import posixpath
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from minikctl.util.errors import UsageError

FORMAT = "filespec must match the canonical format: [[namespace/]pod:]file/path"
BLOCK = 64 * 1024


@dataclass(frozen=True)
class FileSpec:
    """One end of a copy; local without a pod."""

    path: str
    pod: str = ""
    namespace: str = ""


def parse_spec(word: str) -> FileSpec:
    """`[[NAMESPACE/]POD:]PATH`. Raises UsageError."""
    head, colon, path = word.partition(":")
    if not colon:
        return FileSpec(_without_slash(word))
    pieces = head.split("/")
    if not head or len(pieces) > 2:
        raise UsageError(FORMAT)
    return FileSpec(_without_slash(path).replace("\\", "/"), pieces[-1], pieces[0] if len(pieces) == 2 else "")


def _without_slash(path: str) -> str:
    return path[:-1] if path.endswith("/") and path != "/" else path


def cleaned(path: str) -> str:
    """As Go's path.Clean: no `.`, no doubled slashes, `..` resolved where it can be; "" is `.`."""
    out = posixpath.normpath(path) if path else "."
    return "/" + out.lstrip("/") if out.startswith("/") else out


def member_prefix(remote: str) -> str:
    """What the names of the members begin with when a container's tar packs this path."""
    path = cleaned(remote.lstrip("/"))
    while path.startswith("../"):
        path = path[3:]
    return "" if path in (".", "..") else path.lstrip("/")


# ---------------------------------------------------------------------- to a container


def pack(source: str, target: str, sink: IO[bytes]) -> None:
    """Write the tar stream of a local file or folder; its members are named for the remote `target`. Raises OSError."""
    with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, Path(cleaned(source)), posixpath.basename(cleaned(target)))


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    if path.is_dir() and not path.is_symlink():
        entries = sorted(path.iterdir())
        if not entries:
            archive.addfile(archive.gettarinfo(str(path), name))
        for entry in entries:
            _add(archive, entry, f"{name}/{entry.name}")
        return
    info = archive.gettarinfo(str(path), name)
    if info is None:  # a socket
        return
    if info.islnk():  # a second name of a file that was packed: a file of its own in the container
        info.type, info.linkname, info.size = tarfile.REGTYPE, "", path.stat().st_size
    if not info.isreg():
        archive.addfile(info)
        return
    with path.open("rb") as file:
        archive.addfile(info, file)


# ---------------------------------------------------------------------- from a container


def unpack(source: IO[bytes], prefix: str, cwd: Path, target: str, warn: Callable[[str], None], instead: str) -> None:
    """Read a tar stream into the local `target`. Raises UsageError, OSError, tarfile.TarError.

    `instead` tells of a way to copy links, which are left out.
    """
    told = False
    root = Path(os.path.normpath(cwd / target))
    with tarfile.open(fileobj=source, mode="r|") as archive:
        for member in archive:
            name = member.name + ("/" if member.isdir() else "")
            if not name.startswith(prefix):
                raise UsageError("tar contents corrupted")
            rest = name[len(prefix) :]
            path, shown = _place(root, rest), os.path.normpath(os.path.join(target, rest.lstrip("/")))
            if path is None:
                warn(f'warning: file "{shown}" is outside target destination, skipping')
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if member.isdir():
                path.mkdir(exist_ok=True)
            elif member.issym():
                hint = "" if told else f" ({instead})"
                warn(f'warning: skipping symlink: "{shown}" -> "{member.linkname}"{hint}')
                told = True
            else:
                _write(archive, member, path)


def _place(root: Path, rest: str) -> Path | None:
    """Where a member goes; None when that is not below the destination."""
    path = Path(os.path.normpath(os.path.join(root, rest.lstrip("/")))) if rest else root
    if path != root and not path.is_relative_to(root):
        return None
    real = os.path.realpath(path)
    top = os.path.realpath(root)
    if path != root and real != top and not real.startswith(top.rstrip("/") + "/"):
        return None  # a link that was there already leads out
    return path


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    data = archive.extractfile(member) if member.isreg() else None
    with path.open("wb") as file:
        while data is not None and (part := data.read(BLOCK)):
            file.write(part)


class ChunkReader(io.RawIOBase):
    """A file to read from whose content comes in chunks."""

    def __init__(self, chunks: Iterator[bytes]):
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """As much as is asked for, less only at the end: tarfile takes a short read for the end."""
        while size < 0 or len(self._rest) < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._rest += chunk
        end = len(self._rest) if size < 0 else size
        data, self._rest = self._rest[:end], self._rest[end:]
        return data
