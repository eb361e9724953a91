"""ephemeral: a claim that the pod's volume is the template of, called `<pod>-<volume>`."""

from __future__ import annotations

from pathlib import Path

from minikctl.api.meta import Obj, name
from minikctl.kubelet.volumes import Context, Mounted
from minikctl.kubelet.volumes.persistent_volume_claim import claimed

TYPE = "ephemeral"


def set_up(_volume: Obj, folder: Path, ctx: Context) -> Mounted:
    return claimed(f"{name(ctx.pod)}-{ctx.name}", folder, ctx)
