"""Unpacked images: one read-only folder for each stack of layers, shared by all containers of all images that have it.

Layers are merged when they are unpacked, so that a container has one folder below its own. A stack that begins as one
that is unpacked already takes over its files by hard links: nothing here is ever written to again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from minikctl.runtime.oci import model
from minikctl.runtime.oci.compression import Counted, plain
from minikctl.runtime.oci.layer import Applied, Limits, apply
from minikctl.runtime.oci.model import BadImage, Image
from minikctl.runtime.oci.store import Store
from minikctl.runtime.process.folder import remove_tree

RESERVE = 0.05
"""The part of the disk that images leave free."""


def root(store: Store, one: Image) -> Path:
    """Where an image is unpacked, or would be."""
    return store.path / "roots" / one.chain.removeprefix("sha256:")


def ensure(store: Store, one: Image, limits: Limits | None = None) -> Path:
    """The unpacked image; made when it is not there. Raises BadImage, OSError."""
    place = root(store, one)
    if place.is_dir():
        return place
    with _locked(store.roots / f".{place.name}.lock"):
        if place.is_dir():
            return place
        scratch = store.roots / f".{place.name}.new"
        remove_tree(scratch)
        try:
            done = begin(store, one.diff_ids, scratch)
            for layer, diff_id in list(zip(one.layers, one.diff_ids))[done:]:
                unpack(store.blob(layer.digest), scratch, limits or room(store), diff_id)
            scratch.rename(place)
        finally:
            remove_tree(scratch)
    return place


def unpack(blob: Path, folder: Path, limits: Limits, diff_id: str = "") -> Applied:
    """Lay a layer's file over a folder. Raises BadImage, also when it is not the layer that it should be."""
    try:
        with blob.open("rb") as f, plain(f) as stream:
            applied = apply(Counted(stream, limits.bytes + 1024 * limits.members), folder, limits)
    except FileNotFoundError as e:
        if e.filename == str(blob):
            raise BadImage(f"the layer {blob.name} is missing") from None
        raise
    if diff_id and applied.diff_id != diff_id:
        raise BadImage(f"a layer that should be {diff_id} unpacks to {applied.diff_id}")
    return applied


def room(store: Store) -> Limits:
    """What may be unpacked onto this disk."""
    disk = shutil.disk_usage(store.path)
    return Limits(bytes=max(0, disk.free - int(disk.total * RESERVE)))


def begin(store: Store, diff_ids: Sequence[str], scratch: Path) -> int:
    """Take over the longest part of the stack that is unpacked; the number of its layers."""
    for count in range(len(diff_ids), 0, -1):
        base = store.roots / model.chain_id(diff_ids[:count]).removeprefix("sha256:")
        if base.is_dir():
            clone(base, scratch)
            return count
    scratch.mkdir(mode=0o755)
    scratch.chmod(0o755)
    return 0


def clone(source: Path, target: Path) -> None:
    """A folder with the same files: hard links where the file system allows them."""
    before = os.lstat(source)
    target.mkdir(mode=0o700)
    with os.scandir(source) as entries:
        for entry in entries:
            place = target / entry.name
            if entry.is_dir(follow_symlinks=False):
                clone(Path(entry.path), place)
                continue
            try:
                os.link(entry.path, place, follow_symlinks=False)
            except OSError:  # too many links, or a file system without
                if entry.is_symlink():
                    os.symlink(os.readlink(entry.path), place)
                elif stat.S_ISFIFO(entry.stat(follow_symlinks=False).st_mode):
                    os.mkfifo(place, stat.S_IMODE(entry.stat().st_mode))
                else:
                    shutil.copy2(entry.path, place, follow_symlinks=False)
                if os.geteuid() == 0:
                    found = entry.stat(follow_symlinks=False)
                    os.lchown(place, found.st_uid, found.st_gid)
    if os.geteuid() == 0:
        os.chown(target, before.st_uid, before.st_gid)
    os.chmod(target, stat.S_IMODE(before.st_mode))
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))


def sweep(store: Store, keep: set[str]) -> int:
    """Take away the roots of other stacks than these; a guess at the bytes that were freed."""
    freed = 0
    for path in store.roots.iterdir():
        if path.name.startswith(".") or f"sha256:{path.name}" not in keep:
            if path.is_dir():
                freed += size(path)
                remove_tree(path)
            else:
                path.unlink(missing_ok=True)
    return freed


def size(folder: Path) -> int:
    """Bytes of the files that have no other name elsewhere."""
    total = 0
    for here, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                found = os.lstat(os.path.join(here, name))
                total += found.st_size if found.st_nlink == 1 else 0
    return total


class _locked:
    """Alone with one root; the lock's file is left, and taken away by `sweep`."""

    def __init__(self, path: Path):
        self._path = path

    def __enter__(self) -> None:
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
