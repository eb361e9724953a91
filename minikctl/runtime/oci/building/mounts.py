"""RUN --mount: what a command sees for as long as it runs, and what does not become part of the image.

`bind` has files of the context, of a stage or of an image, read-only and without what `.dockerignore` leaves out; `cache`
and `tmpfs` are empty folders. Source: "Dockerfile reference", RUN --mount.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from minikctl.runtime.interface import Mount
from minikctl.runtime.oci.building.context import Context
from minikctl.runtime.oci.building.copying import Copy, fingerprint
from minikctl.runtime.oci.building.dockerfile import Instruction
from minikctl.runtime.oci.building.layers import Owner

TYPES = ("bind", "cache", "tmpfs")
_NAMES = {"src": "source", "dst": "target", "destination": "target"}
_WITHOUT_EFFECT = {"id", "sharing", "uid", "gid", "mode", "size", "readonly", "ro"}


@dataclass(frozen=True)
class Wanted:
    """target: an absolute path of the container. origin: a stage or an image, "" for the context."""

    kind: str
    target: str
    source: str = ""
    origin: str = ""


def options(one: Instruction) -> list[dict[str, str]]:
    """Each --mount of an instruction as its options, `from` among them."""
    found = []
    for text in one.flags.get("mount", "").split("\n"):
        pairs = (word.partition("=") for word in text.split(",") if word)
        found.append({_NAMES.get(name.strip(), name.strip()): value for name, _, value in pairs})
    return [f for f in found if f]


def wanted(one: Instruction, word: Callable[[str], str], below: Callable[[str], str]) -> list[Wanted]:
    """`word` replaces variables, `below` makes paths absolute. Raises BuildError."""
    return [_one(one, {k: word(v) for k, v in given.items()}, below) for given in options(one)]


def _one(one: Instruction, given: dict[str, str], below: Callable[[str], str]) -> Wanted:
    kind = given.pop("type", "bind")
    if kind not in TYPES:
        raise one.failure(f"--mount of type {kind} is not supported, only {', '.join(TYPES)}")
    target, source, origin = (given.pop(name, "") for name in ("target", "source", "from"))
    if not target:
        raise one.failure("--mount has no target")
    if unknown := sorted(given.keys() - _WITHOUT_EFFECT):
        raise one.failure(f"--mount={unknown[0]} is not supported")
    return Wanted(kind, below(target), source, origin)


@dataclass(frozen=True)
class Ready:
    """A mount and where its files come from; no context for an empty folder."""

    wanted: Wanted
    context: Context | None = None

    def fingerprint(self, one: Instruction) -> list[object]:
        """What makes it the same as before. Raises BuildError, OSError."""
        asked = self.wanted
        if self.context is None:
            return [asked.kind, asked.target]
        copy = Copy(one, self.context, (asked.source or "/",), asked.target, Owner(), False, str)
        return [asked.kind, asked.target, fingerprint(copy)]

    def make(self, one: Instruction, folder: Path) -> Mount:
        """Its files below `folder`, which is the mount's own. Raises BuildError, OSError."""
        if self.context is None:
            folder.mkdir()
            folder.chmod(0o777)
            return Mount(str(folder), self.wanted.target)
        copy = Copy(one, self.context, (self.wanted.source or "/",), self.wanted.target, Owner(), False, str)
        found = copy.found()
        if len(found) > 1:
            raise one.failure(f"--mount: {self.wanted.source!r} is more than one file")
        _copy(self.context, found[0], folder)
        return Mount(str(folder), self.wanted.target, read_only=True)


def _copy(context: Context, path: str, target: Path) -> None:
    real = context.real(path)
    if not real.is_dir():
        shutil.copy2(real, target, follow_symlinks=False)
        return
    target.mkdir()
    shutil.copystat(real, target)
    base = os.path.relpath(real, context.folder)
    base = "" if base == "." else base
    for inner in context.below(base):
        place, source = target / os.path.relpath(inner, base or "."), context.folder / inner
        if source.is_dir() and not source.is_symlink():
            place.mkdir(exist_ok=True)
            shutil.copystat(source, place)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, place, follow_symlinks=False)
