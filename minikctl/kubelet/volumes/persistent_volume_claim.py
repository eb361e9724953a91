"""persistentVolumeClaim: what the claim's volume stands for. The claim must be bound, and the node must reach it.

Source: kubelet `volumemanager/populator/desired_state_of_world_populator.go`.
"""

from __future__ import annotations

from pathlib import Path

from minikctl.api import volumes
from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, annotations_of, get_path, labels_of, name, namespace, uid
from minikctl.kubelet.volumes import Context, Mounted, VolumeError, _ownership, host_path
from minikctl.kubelet.volumes._unserved import refusal

TYPE = "persistentVolumeClaim"


def set_up(source: Obj, folder: Path, ctx: Context) -> Mounted:
    found = claimed(str(source["claimName"]), folder, ctx, read_only=bool(source.get("readOnly")))
    return Mounted(found.path, bool(source.get("readOnly")))


def claimed(
    claim_name: str, folder: Path, ctx: Context, claim: Obj | None = None, *, read_only: bool = False
) -> Mounted:
    """The volume behind a claim. Raises VolumeError."""
    where = f"{namespace(ctx.pod)}/{claim_name}"
    claim = claim or get(ctx, "persistentvolumeclaims", claim_name, namespace(ctx.pod))
    if claim is None:
        missing = f'failed to fetch PVC from API server: persistentvolumeclaims "{claim_name}" not found'
        raise unprocessed(ctx, where, missing)
    if claim["metadata"].get("deletionTimestamp"):
        raise unprocessed(ctx, where, "PVC is being deleted")
    volume_name = claim["spec"].get("volumeName")
    if get_path(claim, "status", "phase") != "Bound" or not volume_name:
        raise unprocessed(ctx, where, "PVC is not bound")
    volume = get(ctx, "persistentvolumes", volume_name, "")
    if volume is None or get_path(volume, "spec", "claimRef", "uid") != uid(claim):
        why = f"failed to fetch PV {volume_name} from API server: persistentvolumes is not bound to the claim"
        raise unprocessed(ctx, where, why)
    found = _place(volume, folder, ctx)
    if not read_only:
        _give(volume, found.path, folder, ctx)
    return found


def _give(volume: Obj, path: Path, folder: Path, ctx: Context) -> None:
    """To the pod's fsGroup, once a pod. A hostPath stays as it is, unless it is what our provisioner has made."""
    is_ours = annotations_of(volume).get(volumes.PROVISIONED_BY) == volumes.OWN_PROVISIONER
    if ctx.fs_group is None or folder.exists() or not ("local" in volume["spec"] or is_ours):
        return
    policy = get_path(ctx.pod, "spec", "securityContext", "fsGroupChangePolicy", default="") or "Always"
    _ownership.give(path, ctx.fs_group, policy)
    folder.mkdir(parents=True)


def _place(volume: Obj, folder: Path, ctx: Context) -> Mounted:
    spec = volume["spec"]
    if spec.get("volumeMode") == "Block":
        raise _whole("MapVolume.SetUpDevice failed", volume, "no block devices here")
    node = get(ctx, "nodes", ctx.facts.node_name, "")
    if node is not None and not volumes.reachable(volume, labels_of(node), ctx.facts.node_name):
        raise _whole("MountVolume.NodeAffinity check failed", volume, "no matching NodeSelectorTerms")
    if "hostPath" in spec:
        return host_path.set_up(spec["hostPath"], folder, ctx)
    if "local" in spec:
        path = Path(spec["local"]["path"])
        if not path.exists():
            raise _whole("MountVolume.NewMounter initialization failed", volume, f'path "{path}" does not exist')
        return Mounted(path)
    raise refusal(spec)


def get(ctx: Context, kind: str, wanted: str, where: str) -> Obj | None:
    try:
        return ctx.client.get(kind, wanted, where)
    except ApiError as e:
        if e.reason == "NotFound":
            return None
        raise VolumeError(e.message) from None


def _whole(what: str, volume: Obj, why: str) -> VolumeError:
    return VolumeError(f'{what} for volume "{name(volume)}" : {why}', whole=True)


def unprocessed(ctx: Context, claim: str, why: str) -> VolumeError:
    text = (
        f"Unable to attach or mount volumes: unmounted volumes=[{ctx.name}], unattached volumes=[], failed to process "
        f"volumes=[{ctx.name}]: error processing PVC {claim}: {why}"
    )
    return VolumeError(text, whole=True)
