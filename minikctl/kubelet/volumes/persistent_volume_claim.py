"""persistentVolumeClaim, and ephemeral, which is a claim of the pod's own: the folder of the volume that is bound."""

from __future__ import annotations

from pathlib import Path

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, get_path, namespace
from minikctl.kubelet.volumes import Context, Mounted, VolumeError, host_path

TYPE = "persistentVolumeClaim"


def set_up(volume: Obj, folder: Path, ctx: Context) -> Mounted:
    found = claimed(str(volume["claimName"]), folder, ctx)
    return Mounted(found.path, bool(volume.get("readOnly")))


def claimed(claim_name: str, folder: Path, ctx: Context) -> Mounted:
    """Raises VolumeError."""
    try:
        claim = ctx.client.get("persistentvolumeclaims", claim_name, namespace(ctx.pod))
        volume_name = get_path(claim, "spec", "volumeName", default="")
        if get_path(claim, "status", "phase") != "Bound" or not volume_name:
            raise VolumeError(f"PVC {namespace(ctx.pod)}/{claim_name} is not bound")
        spec = ctx.client.get("persistentvolumes", volume_name)["spec"]
    except ApiError as e:
        raise VolumeError(e.message) from None
    if "hostPath" in spec:
        return host_path.set_up(spec["hostPath"], folder, ctx)
    if "local" in spec:
        path = Path(spec["local"]["path"])
        if not path.exists():
            raise VolumeError(f'path "{path}" does not exist')
        return Mounted(path)
    kind = next((k for k in spec if k in ("csi", "nfs", "iscsi", "fc", "cephfs", "rbd")), "this type")
    raise VolumeError(f"volume {volume_name}: volumes of {kind} cannot be mounted by this cluster")
