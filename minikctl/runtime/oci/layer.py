"""Laying one layer (a tar file) over a folder. Nothing outside of the folder is ever touched, whatever the tar says.

- `..` in a member's name is refused, `/` at its beginning is dropped; symbolic links on the way to a member are followed
  as a container would follow them: inside of the folder.
- Whiteouts (`.wh.name`) and opaque folders (`.wh..wh..opq`) take away what lower layers had.
- Device nodes are left out (a container gets its own /dev), and counted in `Applied.skipped`.
- As root, files get their owners; an ordinary user owns everything.
- Files are replaced and never changed in place: their other names (hard links) in other roots keep the old content.

Source: OCI image spec "Image Layer Filesystem Changeset".
"""

from __future__ import annotations

import os
import stat
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from minikctl.runtime.oci.compression import Counted
from minikctl.runtime.oci.model import BadImage

WHITEOUT, OPAQUE, META = ".wh.", ".wh..wh..opq", ".wh..wh."
_DEEPEST_LINKS = 40
_LARGEST_ID = (1 << 32) - 2
CHUNK = 1 << 20


@dataclass(frozen=True)
class Limits:
    """How much one layer may unpack to."""

    bytes: int = 64 << 30
    members: int = 2_000_000


@dataclass
class Applied:
    """What became of a layer. skipped: device nodes. diff_id: the digest of the plain tar."""

    diff_id: str = ""
    size: int = 0
    members: int = 0
    skipped: int = 0


@dataclass
class _Target:
    """The folder being written, and what this layer has put into it."""

    root: str
    written: set[str] = field(default_factory=set)
    """Paths in the folder, without links, that this layer brought: its own whiteouts do not concern them."""
    folders: dict[str, tarfile.TarInfo] = field(default_factory=dict)
    """Folders whose modes and times are set at the end, when nothing is written into them any more."""
    parents: dict[str, str] = field(default_factory=dict)
    """Folder as named → the real one, below root."""
    privileged: bool = field(default_factory=lambda: os.geteuid() == 0)

    def path(self, inside: str) -> str:
        return f"{self.root}/{inside}" if inside else self.root

    # ------------------------------------------------------------------ where

    def place(self, name: str) -> str:
        """Where a member goes: its parent's links followed, its own not."""
        folder, _, last = name.rpartition("/")
        parent = self.parents.get(folder)
        if parent is None:
            parent = self.parents[folder] = self._folder(folder)
        return f"{parent}/{last}" if parent else last

    def _folder(self, name: str) -> str:
        """A folder of the root, made where it is missing. Raises BadImage."""
        left, done, links = [p for p in name.split("/") if p], [], 0
        while left:
            part = left.pop(0)
            if part == "..":  # of a link
                done = done[:-1]
                continue
            if part in ("", "."):
                continue
            here = self.path("/".join([*done, part]))
            mode = _mode(here)
            if mode is None:
                os.mkdir(here, 0o755)
                os.chmod(here, 0o755)
            elif stat.S_ISLNK(mode):
                links += 1
                if links > _DEEPEST_LINKS:
                    raise BadImage(f"too many symbolic links on the way to {name}")
                target = os.readlink(here)
                done = [] if target.startswith("/") else done
                left = target.split("/") + left
                continue
            elif not stat.S_ISDIR(mode):
                os.unlink(here)
                os.mkdir(here, 0o755)
            done.append(part)
        return "/".join(done)

    # ------------------------------------------------------------------ taking away

    def remove(self, inside: str) -> None:
        """What stands at a path, folders with all in them."""
        path = self.path(inside)
        mode = _mode(path)
        if mode is None:
            return
        if stat.S_ISDIR(mode):
            from minikctl.runtime.process.folder import remove_tree

            remove_tree(Path(path))
            self.parents.clear()
        else:
            os.unlink(path)
            if stat.S_ISLNK(mode):
                self.parents.clear()

    def clear(self, inside: str) -> None:
        """What lower layers had in a folder."""
        folder = self.path(inside)
        if not stat.S_ISDIR(_mode(folder) or 0):
            return
        for name in os.listdir(folder):
            child = f"{inside}/{name}" if inside else name
            if child not in self.written:
                self.remove(child)
            elif stat.S_ISDIR(_mode(self.path(child)) or 0):
                self.clear(child)

    def note(self, inside: str) -> None:
        """This layer brought it, and the folders that it is in."""
        while inside and inside not in self.written:
            self.written.add(inside)
            inside = inside.rpartition("/")[0]


def apply(stream: Counted, root: Path, limits: Limits) -> Applied:
    """Lay the tar over a folder; the stream is read to its end. Raises BadImage; OSError for a full disk and its like."""
    target, applied = _Target(str(root)), Applied()
    room = limits.bytes
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=CHUNK, errorlevel=2) as tar:  # type: ignore[call-overload]
            for member in tar:
                applied.members += 1
                if applied.members > limits.members:
                    raise BadImage(f"a layer has more than {limits.members} files")
                room -= member.size if member.isreg() else 0
                if room < 0:
                    raise BadImage(f"a layer unpacks to more than the {limits.bytes} bytes that there is room for")
                if not _member(target, tar, member):
                    applied.skipped += 1
                tar.members = []  # type: ignore[attr-defined]
    except (tarfile.TarError, EOFError, UnicodeError, ValueError, OverflowError) as e:
        raise BadImage(f"a layer is no valid tar file: {e}") from None
    except OSError as e:
        if e.errno is None:  # of gzip and its like
            raise BadImage(f"a layer is broken: {e}") from None
        raise
    for inside in sorted(target.folders, reverse=True):
        if stat.S_ISDIR(_mode(target.path(inside)) or 0):
            _finish(target, target.path(inside), target.folders[inside])
    applied.diff_id, applied.size = stream.drain(), stream.size
    return applied


def clean(name: str) -> str:
    """A member's name below the root, "" for the root itself. Raises BadImage."""
    words = [p for p in name.split("/") if p not in ("", ".")]
    if ".." in words:
        raise BadImage(f"the member {name!r} of a layer would be outside of the image")
    if "\0" in name:
        raise BadImage("a member of a layer has a name with a zero byte")
    return "/".join(words)


def _member(target: _Target, tar: tarfile.TarFile, member: tarfile.TarInfo) -> bool:
    """False for what is left out."""
    name = clean(member.name)
    if not name:
        if member.isdir():
            target.folders[""] = member
        return True
    last = name.rpartition("/")[2]
    if last.startswith(WHITEOUT):
        _whiteout(target, name, last)
        return True
    if member.ischr() or member.isblk():
        return False
    inside = target.place(name)
    path = target.path(inside)
    mode = _mode(path)
    if mode is not None and not (member.isdir() and stat.S_ISDIR(mode)):
        target.remove(inside)
        mode = None
    target.note(inside)
    if member.isdir():
        if mode is None:
            os.mkdir(path, 0o700)
        target.folders[inside] = member
        return True
    _make(target, tar, member, path)
    return True


def _make(target: _Target, tar: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
    if member.issym():
        os.symlink(member.linkname, path)
        target.parents.clear()
        if target.privileged:
            os.lchown(path, _id(member.uid), _id(member.gid))
        return
    if member.islnk():
        source = target.path(target.place(clean(member.linkname)))
        mode = _mode(source)
        if mode is None or stat.S_ISDIR(mode):
            raise BadImage(f"the hard link {member.name!r} of a layer leads to {member.linkname!r}, which is no file")
        os.link(source, path, follow_symlinks=False)
        return
    if member.isfifo():
        os.mkfifo(path, 0o600)
    else:
        content = tar.extractfile(member)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as f:
            while content is not None and (chunk := content.read(CHUNK)):
                f.write(chunk)
    _finish(target, path, member)


def _finish(target: _Target, path: str, member: tarfile.TarInfo) -> None:
    """Owner, mode and time: in this order, because a new owner takes setuid bits away."""
    mode = member.mode & 0o7777
    if target.privileged:
        os.chown(path, _id(member.uid), _id(member.gid))
    else:
        mode |= 0o700 if member.isdir() else 0o400
    os.chmod(path, mode)
    moment = max(0, min(int(member.mtime), 1 << 40))
    os.utime(path, (moment, moment))


def _whiteout(target: _Target, name: str, last: str) -> None:
    folder = name.rpartition("/")[0]
    if last == OPAQUE:
        target.clear(target.place(f"{folder}/x").rpartition("/")[0])
        return
    if last.startswith(META):
        return
    gone = last[len(WHITEOUT) :]
    if gone in ("", ".", ".."):
        raise BadImage(f"the whiteout {name!r} of a layer names nothing in its folder")
    inside = target.place(f"{folder}/{gone}" if folder else gone)
    if inside not in target.written:
        target.remove(inside)


def _id(number: int) -> int:
    if not 0 <= number <= _LARGEST_ID:
        raise BadImage(f"{number} is no user or group")
    return number


def _mode(path: str) -> int | None:
    try:
        return os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
