"""secret: the keys of a Secret as files, in memory; they follow the object."""

from __future__ import annotations

from pathlib import Path

from minikctl.api.meta import Obj
from minikctl.kubelet.volumes import Context, Mounted, _payload
from minikctl.runtime.process import memory

TYPE = "secret"


def set_up(volume: Obj, folder: Path, ctx: Context) -> Mounted:
    files = _payload.secret(volume, ctx, _payload.default_mode(volume))
    folder = memory.place(folder) or folder
    _payload.write(folder, files, ctx.clock.now(), ctx.fs_group)
    return Mounted(folder, read_only=True, changes=True)
