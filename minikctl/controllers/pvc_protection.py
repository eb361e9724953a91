"""pvc-protection-controller: a claim that is deleted stays until no pod uses it.

Source: concept "Storage Object in Use Protection", Kubernetes `pkg/controller/volume/pvcprotection`.
"""

from __future__ import annotations

from minikctl.api.meta import Obj, is_deleting, key
from minikctl.api.volumes import PVC_PROTECTION
from minikctl.controllers.base import Controller, cause_of
from minikctl.controllers.common.finalizers import has_finalizer, with_finalizer, without_finalizer
from minikctl.controllers.persistent_volume.controller import BY_CLAIM, by_claim


class PVCProtectionController(Controller):
    name = "pvc-protection-controller"

    def setup(self) -> None:
        self.claims = self.watch("persistentvolumeclaims", self._claim_changed, on_delete=lambda _claim: None)
        self.pods = self.watch(
            "pods",
            lambda _pod: None,
            on_update=lambda _old, _new: None,
            on_delete=self._pod_gone,
            indexers={BY_CLAIM: by_claim},
        )

    def _claim_changed(self, claim: Obj) -> None:
        if is_deleting(claim) or not has_finalizer(claim, PVC_PROTECTION):
            self.enqueue(claim)

    def _pod_gone(self, pod: Obj) -> None:
        for claim in by_claim(pod):
            self.queue.add(claim, cause_of(pod))

    def sync(self, object_key: str) -> float | None:
        claim = self.claims.by_key(object_key)
        if claim is None:
            return None
        protected = has_finalizer(claim, PVC_PROTECTION)
        if not is_deleting(claim) and not protected:
            self.client.update("persistentvolumeclaims", with_finalizer(claim, PVC_PROTECTION))
        elif is_deleting(claim) and protected and not self._in_use(claim):
            self.client.update("persistentvolumeclaims", without_finalizer(claim, PVC_PROTECTION))
        return None

    def _in_use(self, claim: Obj) -> bool:
        """By a pod that has a node: the others will never start. The cache first, then the server."""
        if any(uses(pod) for pod in self.pods.by_index(BY_CLAIM, key(claim))):
            return True
        listed = self.client.list("pods", claim["metadata"]["namespace"])["items"]
        return any(key(claim) in by_claim(pod) and uses(pod) for pod in listed)


def uses(pod: Obj) -> bool:
    return bool(pod["spec"].get("nodeName"))


CONTROLLER = PVCProtectionController
