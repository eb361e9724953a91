"""image: the files of an image, read-only. Of the emulated images there are none.

Source: Kubernetes concept "Volumes", "image" (KEP-4639).
"""

from __future__ import annotations

from pathlib import Path

from minikctl.api.meta import Obj
from minikctl.kubelet.images import NotStarted, Pulling
from minikctl.kubelet.volumes import Context, Mounted, VolumeError
from minikctl.runtime.interface import ImageFailure

TYPE = "image"


def set_up(volume: Obj, folder: Path, ctx: Context) -> Mounted:
    images = ctx.images
    if images is None:
        raise VolumeError("this node has no images with files")
    reference = str(volume.get("reference") or "")
    known = images.kept(folder)
    if known is not None:
        return Mounted(known, read_only=True, is_shared=True)
    policy = volume.get("pullPolicy") or ("Always" if reference.endswith(":latest") else "IfNotPresent")
    try:
        images.ensure(ctx.pod, {"name": ctx.name, "image": reference, "imagePullPolicy": policy})
        return Mounted(images.keep(reference, folder), read_only=True, is_shared=True)
    except Pulling:
        raise VolumeError(f'image "{reference}" is being pulled', quiet=True) from None
    except NotStarted as e:
        raise VolumeError(e.message, quiet=True, volume=ctx.name, reason=e.reason) from None
    except ImageFailure as e:
        raise VolumeError(str(e)) from None
