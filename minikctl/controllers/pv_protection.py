"""pv-protection-controller: a volume that is deleted stays as long as it is bound.

Source: concept "Storage Object in Use Protection", Kubernetes `pkg/controller/volume/pvprotection`.
"""

from __future__ import annotations

from minikctl.api.meta import Obj, is_deleting
from minikctl.api.volumes import PV_PROTECTION
from minikctl.controllers.base import Controller
from minikctl.controllers.common.finalizers import has_finalizer, with_finalizer, without_finalizer


class PVProtectionController(Controller):
    name = "pv-protection-controller"

    def setup(self) -> None:
        self.volumes = self.watch("persistentvolumes", self._volume_changed, on_delete=lambda _volume: None)

    def _volume_changed(self, volume: Obj) -> None:
        if is_deleting(volume) or not has_finalizer(volume, PV_PROTECTION):
            self.enqueue(volume)

    def sync(self, object_key: str) -> float | None:
        volume = self.volumes.by_key(object_key)
        if volume is None:
            return None
        protected = has_finalizer(volume, PV_PROTECTION)
        if not is_deleting(volume) and not protected:
            self.client.update("persistentvolumes", with_finalizer(volume, PV_PROTECTION))
        elif is_deleting(volume) and protected and (volume.get("status") or {}).get("phase") != "Bound":
            self.client.update("persistentvolumes", without_finalizer(volume, PV_PROTECTION))
        return None


CONTROLLER = PVProtectionController
