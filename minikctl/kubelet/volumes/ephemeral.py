"""ephemeral: a claim that the pod's volume is the template of, called `<pod>-<volume>`, and owned by the pod."""

from __future__ import annotations

from pathlib import Path

from minikctl.api import volumes
from minikctl.api.meta import Obj, is_controlled_by, namespace
from minikctl.kubelet.volumes import Context, Mounted
from minikctl.kubelet.volumes.persistent_volume_claim import claimed, get, unprocessed

TYPE = "ephemeral"


def set_up(_source: Obj, folder: Path, ctx: Context) -> Mounted:
    claim_name = volumes.ephemeral_claim_name(ctx.pod, {"name": ctx.name})
    claim = get(ctx, "persistentvolumeclaims", claim_name, namespace(ctx.pod))
    if claim is not None and not is_controlled_by(claim, ctx.pod):
        where = f"{namespace(ctx.pod)}/{claim_name}"
        raise unprocessed(ctx, where, f"PVC {where} was not created for pod (pod is not owner)")
    return claimed(claim_name, folder, ctx, claim)
