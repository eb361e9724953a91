"""ephemeral-volume-controller: makes the claims of pods' generic ephemeral volumes (KEP-1698).

Source: Kubernetes `pkg/controller/volume/ephemeral`.
"""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, is_controlled_by, is_deleting, namespace, owner_reference
from minikctl.api.volumes import ephemeral_claim_name
from minikctl.controllers.base import Controller, cause_of


class EphemeralVolumeController(Controller):
    name = "ephemeral-volume-controller"

    def setup(self) -> None:
        self.pods = self.watch(
            "pods", self._pod_changed, on_update=lambda _old, _new: None, on_delete=lambda _pod: None
        )
        self.claims = self.watch_deletions("persistentvolumeclaims", self._claim_gone)

    def _pod_changed(self, pod: Obj) -> None:
        if not is_deleting(pod) and any(v.get("ephemeral") for v in pod["spec"].get("volumes") or []):
            self.enqueue(pod)

    def _claim_gone(self, claim: Obj) -> None:
        for owner in claim["metadata"].get("ownerReferences") or []:
            if owner.get("kind") == "Pod":
                self.queue.add(f"{namespace(claim)}/{owner['name']}", cause_of(claim))

    def sync(self, object_key: str) -> float | None:
        pod = self.pods.by_key(object_key)
        if pod is None or is_deleting(pod):
            return None
        for volume in pod["spec"].get("volumes") or []:
            if volume.get("ephemeral"):
                self._ensure(pod, volume)
        return None

    def _ensure(self, pod: Obj, volume: Obj) -> None:
        claim_name, where = ephemeral_claim_name(pod, volume), namespace(pod)
        present = self.claims.get(claim_name, where)
        if present is None:
            try:
                self.client.create("persistentvolumeclaims", claim_for(pod, volume), where)
                return
            except ApiError as e:
                if e.reason != "AlreadyExists":
                    self.recorder.warning(pod, "FailedBinding", f"ephemeral volume {volume['name']}: {e.message}")
                    raise
                present = self.client.get("persistentvolumeclaims", claim_name, where)
        if not is_controlled_by(present, pod):
            text = f'PVC "{where}/{claim_name}" was not created for pod "{where}/{pod["metadata"]["name"]}" (pod is not owner)'
            self.recorder.warning(pod, "FailedBinding", f"ephemeral volume {volume['name']}: {text}")


def claim_for(pod: Obj, volume: Obj) -> Obj:
    """The claim of an ephemeral volume; it goes with the pod. Pure."""
    template = volume["ephemeral"]["volumeClaimTemplate"]
    meta = template.get("metadata") or {}
    return {
        "metadata": {
            "name": ephemeral_claim_name(pod, volume),
            **{k: meta[k] for k in ("labels", "annotations") if meta.get(k)},
            "ownerReferences": [owner_reference({"apiVersion": "v1", "kind": "Pod", **pod})],
        },
        "spec": template["spec"],
    }


CONTROLLER = EphemeralVolumeController
