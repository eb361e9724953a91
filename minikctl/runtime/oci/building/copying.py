"""COPY and ADD: which files go where, what makes them the same files as before, and how they get into a layer."""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from minikctl.runtime.oci.building.context import Context
from minikctl.runtime.oci.building.dockerfile import Instruction
from minikctl.runtime.oci.building.layers import Layer, Owner
from minikctl.runtime.oci.layer import clean

CHUNK = 1 << 20


@dataclass(frozen=True)
class Copy:
    """sources: patterns; target: absolute, with a slash at the end where it is a folder for sure.

    place: a path of the image without links, as the image is now; adds_tars: tar files are unpacked.
    """

    one: Instruction
    context: Context
    sources: tuple[str, ...]
    target: str
    owner: Owner
    adds_tars: bool
    place: Callable[[str], str]

    def found(self) -> list[str]:
        """Raises BuildError."""
        found = []
        for source in self.sources:
            if source.startswith(("http://", "https://", "git@", "git://")):
                raise self.one.failure(f"{source} is not a file: nothing is fetched (RUN can call curl)")
            here = self.context.find(source)
            if not here:
                why = "is left out by .dockerignore" if self.context.real(source).exists() else "is not there"
                raise self.one.failure(f"{source!r} {why}, in {self.context.name or self.context.folder}")
            found += here
        return found


def fingerprint(wanted: Copy) -> list[list[object]]:
    """Names, modes and content of what is copied; times do not count. Raises BuildError, OSError."""
    found: list[list[object]] = []
    for source in wanted.found():
        top = wanted.context.real(source)
        found.append([source, *_print(top)])
        if top.is_dir():
            found += [[path, *_print(wanted.context.folder / path)] for path in _below(wanted.context, source)]
    return found


def _print(path: Path) -> list[object]:
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return ["link", os.readlink(path)]
    if not stat.S_ISREG(status.st_mode):
        return [status.st_mode]
    hasher = hashlib.sha256()
    with path.open("rb") as f:
        while chunk := f.read(CHUNK):
            hasher.update(chunk)
    return [status.st_mode, status.st_size, hasher.hexdigest()]


def _below(context: Context, source: str) -> Iterator[str]:
    """Of a folder of the context, by its real path."""
    real = os.path.relpath(context.real(source), context.folder)
    yield from context.below("" if real == "." else real)


def write(wanted: Copy, layer: Layer, root: Path) -> None:
    """Raises BuildError, OSError."""
    found, target = wanted.found(), wanted.place(wanted.target)
    into = wanted.target.endswith("/") or (root / target).is_dir() or not target
    if not into and len(found) > 1:
        raise wanted.one.failure("when more than one file is copied, the destination must be a folder and end with a /")
    for source in found:
        real = wanted.context.real(source)
        if real.is_dir():
            _folders(layer, root, target, wanted.owner)
            base = os.path.relpath(real, wanted.context.folder)
            for path in _below(wanted.context, source):
                inner = path if base == "." else path[len(base) + 1 :]
                layer.add(wanted.context.folder / path, wanted.place("/" + _join(target, inner)), wanted.owner)
        elif wanted.adds_tars and _is_tar(real):
            _folders(layer, root, target, wanted.owner)
            with real.open("rb") as f:
                _copy_tar(f, layer, target, wanted)
        else:
            name = _join(target, os.path.basename(source)) if into else target
            _folders(layer, root, os.path.dirname(name), wanted.owner)
            layer.add(real, wanted.place("/" + name), wanted.owner)


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _folders(layer: Layer, root: Path, path: str, owner: Owner) -> None:
    """Those that the image does not have yet."""
    parts = path.split("/") if path else []
    for i in range(len(parts)):
        folder = "/".join(parts[: i + 1])
        if not (root / folder).is_dir():
            layer.folder(folder, Owner(owner.uid, owner.gid))


def _is_tar(path: Path) -> bool:
    try:
        return path.is_file() and tarfile.is_tarfile(path)
    except OSError:
        return False


def _copy_tar(source: IO[bytes], layer: Layer, target: str, wanted: Copy) -> None:
    """The members of a tar file, below a folder. Raises BuildError, BadImage."""
    try:
        with tarfile.open(fileobj=source, mode="r|*") as tar:
            for member in tar:
                inside = clean(member.name)
                if not inside or member.ischr() or member.isblk():
                    continue
                member.name = wanted.place("/" + _join(target, inside))
                if member.islnk():
                    member.linkname = _join(target, clean(member.linkname))
                layer.member(member, tar.extractfile(member) if member.isreg() else None)
    except (tarfile.TarError, EOFError, ValueError) as e:
        raise wanted.one.failure(f"the tar file is broken: {e}") from None
