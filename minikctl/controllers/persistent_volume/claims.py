"""What is to be done for one claim: a list of decisions, the first that applies is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minikctl.api import volumes
from minikctl.api.kinds.persistent_volume_claim import storage_class
from minikctl.api.meta import Obj, annotations_of, key, name, uid
from minikctl.api.volumes import BIND_COMPLETED, BOUND_BY_CONTROLLER, SELECTED_NODE, best_match
from minikctl.controllers.persistent_volume.objects import BOUND, LOST, PENDING, claim_for_provisioner

if TYPE_CHECKING:
    from minikctl.controllers.persistent_volume.controller import PersistentVolumeController

IN_TREE = "kubernetes.io/"


class ClaimSync:
    def __init__(self, controller: PersistentVolumeController):
        self.controller = controller

    def sync(self, claim: Obj) -> None:
        if BIND_COMPLETED in annotations_of(claim):
            self._bound(claim)
        elif claim["spec"].get("volumeName"):
            self._asks_for_one(claim)
        else:
            self._open(claim)

    # ------------------------------------------------------------------ bound once

    def _bound(self, claim: Obj) -> None:
        """It keeps its volume, or is lost."""
        wanted = claim["spec"].get("volumeName")
        if not wanted:
            text = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!"
            self._lost(claim, "ClaimLost", text)
            return
        volume = self.controller.volumes.get(wanted)
        if volume is None:
            text = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
            self._lost(claim, "ClaimLost", text)
            return
        ref = volume["spec"].get("claimRef")
        if ref is None or ref.get("uid") == uid(claim):
            self.controller.bind(volume, claim)
        else:
            text = "Two claims are bound to the same volume, this one is bound incorrectly"
            self._lost(claim, "ClaimMisbound", text)

    def _lost(self, claim: Obj, reason: str, text: str) -> None:
        if self.controller.claim_phase(claim, LOST):
            self.controller.warning(claim, reason, text)

    # ------------------------------------------------------------------ with a volume's name

    def _asks_for_one(self, claim: Obj) -> None:
        """A person has written volumeName, or the binding was interrupted."""
        wanted = claim["spec"]["volumeName"]
        volume = self.controller.volumes.get(wanted)
        if volume is None:
            self._pending(claim)
        elif volume["spec"].get("claimRef") is None:
            why = volumes.mismatch(volume, claim)
            if why:
                self.controller.warning(claim, "VolumeMismatch", f'Cannot bind to requested volume "{wanted}": {why}')
                self._pending(claim)
            else:
                self.controller.bind(volume, claim)
        elif volumes.claims(volume, claim):
            self.controller.bind(volume, claim)
        elif BOUND_BY_CONTROLLER not in annotations_of(claim):
            self.controller.warning(claim, "FailedBinding", f'volume "{wanted}" already bound to a different claim.')
            self._pending(claim)

    # ------------------------------------------------------------------ any that fits

    def _open(self, claim: Obj) -> None:
        """It leaves open which volume it gets."""
        storage = self.controller.classes.get(storage_class(claim))
        waits = volumes.is_delayed(storage) and not annotations_of(claim).get(SELECTED_NODE)
        volume = best_match(claim, self.controller.volumes.list(), reserved_only=waits)
        if volume is not None:
            self.controller.bind(volume, claim)
            return
        if not volumes.has_class(claim) and self._give_default_class(claim):
            return
        if waits:
            self._say_what_it_waits_for(claim)
        elif storage_class(claim):
            claim = self._have_one_made(claim, storage) or claim
        else:
            text = "no persistent volumes available for this claim and no storage class is set"
            self.controller.normal(claim, "FailedBinding", text)
        self._pending(claim)

    def _pending(self, claim: Obj) -> None:
        if (claim.get("status") or {}).get("phase") != BOUND:
            self.controller.claim_phase(claim, PENDING)

    def _give_default_class(self, claim: Obj) -> bool:
        """A default class that came later than the claim (KEP-3333); the claim's change brings it here again."""
        storage = volumes.default_class(self.controller.classes.list())
        if storage is None:
            return False
        self.controller.save_claim({**claim, "spec": {**claim["spec"], "storageClassName": name(storage)}})
        return True

    def _say_what_it_waits_for(self, claim: Obj) -> None:
        pods = self.controller.pods.by_index("claim", key(claim))
        waiting = sorted(name(p) for p in pods if not p["spec"].get("nodeName"))
        if waiting:
            text = f"waiting for pod {waiting[0]} to be scheduled"
            self.controller.normal(claim, "WaitForPodScheduled", text)
        else:
            text = "waiting for first consumer to be created before binding"
            self.controller.normal(claim, "WaitForFirstConsumer", text)

    def _have_one_made(self, claim: Obj, storage: Obj | None) -> Obj | None:
        """Name the provisioner on the claim: it is what provisioners look for."""
        if storage is None:
            text = f'storageclass.storage.k8s.io "{storage_class(claim)}" not found'
            self.controller.warning(claim, "ProvisioningFailed", text)
            return None
        provisioner = storage["provisioner"]
        if provisioner.startswith(IN_TREE):
            text = f"no volume plugin matched name: {provisioner}"
            self.controller.warning(claim, "ProvisioningFailed", text)
            return None
        changed = self.controller.save_claim(claim_for_provisioner(claim, provisioner))
        text = (
            f"Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the "
            "system administrator. If volume creation is delayed, please verify that the provisioner is running and "
            "correctly registered."
        )
        self.controller.normal(claim, "ExternalProvisioning", text)
        return changed
