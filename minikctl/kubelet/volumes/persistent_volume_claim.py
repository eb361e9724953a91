"""persistentVolumeClaim: what the claim's volume stands for. The claim must be bound, and the node must reach it.

Source: kubelet `volumemanager/populator/desired_state_of_world_populator.go`.
"""

from __future__ import annotations

from pathlib import Path

from minikctl.api import volumes
from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, get_path, is_controlled_by, labels_of, name, namespace, uid
from minikctl.kubelet.volumes import Setting, VolumeProblem, host_path
from minikctl.kubelet.volumes._unserved import refuse

SOURCES = ("persistentVolumeClaim", "ephemeral")


def prepare(source: Obj, setting: Setting) -> Path:
    ephemeral = "volumeClaimTemplate" in source
    claim_name = volumes.ephemeral_claim_name(setting.pod, {"name": setting.name}) if ephemeral else source["claimName"]
    claim = _get(setting, "persistentvolumeclaims", claim_name, namespace(setting.pod))
    where = f"{namespace(setting.pod)}/{claim_name}"
    if claim is None:
        raise _unprocessed(
            setting, where, f'failed to fetch PVC from API server: persistentvolumeclaims "{claim_name}" not found'
        )
    if ephemeral and not is_controlled_by(claim, setting.pod):
        raise _unprocessed(setting, where, f"PVC {where} was not created for pod (pod is not owner)")
    if claim["metadata"].get("deletionTimestamp"):
        raise _unprocessed(setting, where, "PVC is being deleted")
    volume_name = claim["spec"].get("volumeName")
    if get_path(claim, "status", "phase") != "Bound" or not volume_name:
        raise _unprocessed(setting, where, "PVC is not bound")
    volume = _get(setting, "persistentvolumes", volume_name, "")
    if volume is None or get_path(volume, "spec", "claimRef", "uid") != uid(claim):
        why = f"failed to fetch PV {volume_name} from API server: persistentvolumes is not bound to the claim"
        raise _unprocessed(setting, where, why)
    return _place(volume, setting)


def _place(volume: Obj, setting: Setting) -> Path:
    spec = volume["spec"]
    if volume["spec"].get("volumeMode") == "Block":
        raise VolumeProblem(f'MapVolume.SetUpDevice failed for volume "{name(volume)}" : no block devices here')
    _reach(volume, setting)
    if "hostPath" in spec:
        return host_path.prepare(spec["hostPath"], setting)
    if "local" in spec:
        path = Path(spec["local"]["path"])
        if not path.exists():
            why = f'path "{path}" does not exist'
            raise VolumeProblem(f'MountVolume.NewMounter initialization failed for volume "{name(volume)}" : {why}')
        return path
    raise refuse(spec, name(volume))


def _reach(volume: Obj, setting: Setting) -> None:
    node = _get(setting, "nodes", setting.node, "")
    if node is not None and not volumes.reachable(volume, labels_of(node), setting.node):
        why = "no matching NodeSelectorTerms"
        raise VolumeProblem(f'MountVolume.NodeAffinity check failed for volume "{name(volume)}" : {why}')


def _get(setting: Setting, kind: str, wanted: str, where: str) -> Obj | None:
    try:
        return setting.client.get(kind, wanted, where)
    except ApiError as e:
        if e.reason == "NotFound":
            return None
        raise


def _unprocessed(setting: Setting, claim: str, why: str) -> VolumeProblem:
    volume = setting.name
    return VolumeProblem(
        f"Unable to attach or mount volumes: unmounted volumes=[{volume}], unattached volumes=[], failed to process "
        f"volumes=[{volume}]: error processing PVC {claim}: {why}"
    )
