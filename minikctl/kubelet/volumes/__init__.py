"""The volume types, one file each: how a pod's volume becomes a folder on this machine.

A file says its `TYPE` (the field of `spec.volumes[*]` that it is about) and has `set_up(volume, folder, ctx)`, which
makes the folder or brings it up to date, and may be called any number of times. `volume` is what stands under TYPE,
`folder` where the volume may keep its files; it need not exist yet. Files that begin with `_` are shared parts.

Source: Kubernetes concept "Volumes", `pkg/volume/*`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Protocol

from minikctl.api.meta import Obj
from minikctl.client import Client
from minikctl.kubelet.environment import Facts
from minikctl.util.clock import Clock


class VolumeError(Exception):
    """The volume cannot be had (yet): the pod waits, an Event says why.

    `whole`: the text names what failed for which volume by itself; `quiet`: nothing went wrong, it takes its time, or
    others have told of it; `volume`, `reason`: containers with that volume wait for this reason, and the text says why.
    """

    def __init__(self, text: str, *, whole: bool = False, quiet: bool = False, volume: str = "", reason: str = ""):
        super().__init__(text)
        self.whole, self.quiet, self.volume, self.reason = whole, quiet, volume, reason


@dataclass(frozen=True)
class Mounted:
    """A volume on this machine. `changes`: what is in it may be another thing later, and is to be looked at again."""

    path: Path
    read_only: bool = False
    changes: bool = False
    is_shared: bool = False
    """Others have the same files: nothing may ever be made in it."""


@dataclass
class Tokens:
    """Service account tokens that were asked for and are still good: (pod, volume, path) → (token, renew after)."""

    known: dict[tuple[str, str, str], tuple[str, float]] = field(default_factory=dict)


class ImageFiles(Protocol):
    """The files of images, for volumes."""

    def ensure(self, pod: Obj, wanted: Obj) -> None:
        """Have an image here; `wanted` is like a container. Raises images.NotStarted, images.Pulling."""
        ...

    def keep(self, image: str, folder: Path) -> Path:
        """The image's files; they stay as long as `folder` is there. Raises ImageFailure."""
        ...

    def kept(self, folder: Path) -> Path | None:
        """What was kept for a folder."""
        ...


@dataclass(frozen=True)
class Context:
    """What a volume type may ask."""

    client: Client
    pod: Obj
    name: str
    """The volume's."""
    facts: Facts
    clock: Clock
    tokens: Tokens
    images: ImageFiles | None = None

    @property
    def fs_group(self) -> int | None:
        found = (self.pod["spec"].get("securityContext") or {}).get("fsGroup")
        return None if found is None else int(found)


class VolumeType(Protocol):
    TYPE: str
    set_up: Callable[[Obj, Path, Context], Mounted]


@cache
def types() -> dict[str, VolumeType]:
    """TYPE → its file."""
    names = [m.name for m in iter_modules([str(Path(__file__).parent)]) if not m.name.startswith("_")]
    modules = [import_module(f"{__name__}.{name}") for name in names]
    return {m.TYPE: m for m in modules if hasattr(m, "TYPE")}
