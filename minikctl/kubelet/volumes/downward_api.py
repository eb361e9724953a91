"""downwardAPI: what the pod knows of itself as files; labels and annotations follow the object."""

from __future__ import annotations

from pathlib import Path

from minikctl.api.meta import Obj
from minikctl.kubelet import environment
from minikctl.kubelet.volumes import Context, Mounted, VolumeError, _payload

TYPE = "downwardAPI"


def set_up(volume: Obj, folder: Path, ctx: Context) -> Mounted:
    _payload.write(folder, files(volume, ctx, _payload.default_mode(volume)), ctx.clock.now(), ctx.fs_group)
    return Mounted(folder, read_only=True, changes=True)


def files(source: Obj, ctx: Context, mode: int) -> dict[str, _payload.File]:
    """Raises VolumeError."""
    found = {}
    for item in source.get("items") or []:
        own = item.get("mode")
        found[item["path"]] = _payload.File(_text(item, ctx).encode(), mode if own is None else int(own))
    return found


def _text(item: Obj, ctx: Context) -> str:
    try:
        if item.get("fieldRef"):
            return environment.field_value(ctx.pod, item["fieldRef"]["fieldPath"], ctx.facts)
        return environment.resource_value(ctx.pod, {}, item["resourceFieldRef"], ctx.facts)
    except environment.ConfigError as e:
        raise VolumeError(str(e)) from None
