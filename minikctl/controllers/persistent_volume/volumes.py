"""What is to be done for one volume: a list of decisions, the first that applies is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, annotations_of, name, uid
from minikctl.api.volumes import PROVISIONED_BY
from minikctl.controllers.persistent_volume.objects import AVAILABLE, BOUND, FAILED, RELEASED, volume_without_claim

if TYPE_CHECKING:
    from minikctl.controllers.persistent_volume.controller import PersistentVolumeController

_NOT_SOURCES = frozenset(
    {
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeAttributesClassName",
        "volumeMode",
    }
)


class VolumeSync:
    def __init__(self, controller: PersistentVolumeController):
        self.controller = controller

    def sync(self, volume: Obj) -> None:
        ref = volume["spec"].get("claimRef")
        if ref is None or not ref.get("uid"):
            self.controller.volume_phase(volume, AVAILABLE)
            return
        claim = self._claim(ref)
        if claim is None:
            self._release(volume)
        elif not claim["spec"].get("volumeName"):
            pass  # binding is under way: the claim's own sync, which this change has caused, too, will finish it
        elif claim["spec"]["volumeName"] == name(volume):
            self.controller.volume_phase(volume, BOUND)
        elif PROVISIONED_BY in annotations_of(volume) and _policy(volume) == "Delete":
            self._release(volume)
        else:
            volume = self.controller.save_volume(volume_without_claim(volume)) or volume
            self.controller.volume_phase(volume, AVAILABLE)

    def _claim(self, ref: Obj) -> Obj | None:
        """The very claim that is meant; the server is asked before it is taken for gone."""
        claim = self.controller.claims.get(ref["name"], ref["namespace"])
        if claim is None or uid(claim) != ref["uid"]:
            try:
                claim = self.controller.client.get("persistentvolumeclaims", ref["name"], ref["namespace"])
            except ApiError as e:
                if e.reason != "NotFound":
                    raise
                return None
        return claim if uid(claim) == ref["uid"] else None

    def _release(self, volume: Obj) -> None:
        """Its claim is gone: what the reclaim policy says. Who made the volume deletes it."""
        if (volume.get("status") or {}).get("phase") not in (RELEASED, FAILED):
            self.controller.volume_phase(volume, RELEASED)
            return  # this change brings it here again
        policy = _policy(volume)
        if policy == "Delete" and PROVISIONED_BY not in annotations_of(volume):
            text = (
                f'error getting deleter volume plugin for volume "{name(volume)}": no deletable volume plugin matched'
            )
            self._fail(volume, "VolumeFailedDelete", text)
        elif policy == "Recycle":
            text = f"volumes of type {source_of(volume)} are not recycled here: the policy Recycle is deprecated"
            self._fail(volume, "VolumeFailedRecycle", text)

    def _fail(self, volume: Obj, reason: str, text: str) -> None:
        if self.controller.volume_phase(volume, FAILED, text):
            self.controller.warning(volume, reason, text)


def _policy(volume: Obj) -> str:
    return str(volume["spec"].get("persistentVolumeReclaimPolicy") or "Retain")


def source_of(volume: Obj) -> str:
    """`hostPath`, `nfs`, `csi`, …"""
    return next((k for k in volume["spec"] if k not in _NOT_SOURCES), "")
