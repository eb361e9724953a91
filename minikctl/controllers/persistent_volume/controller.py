"""persistentvolume-controller: binds claims and volumes to each other, and says what state they are in.

A binding is two references: the volume's claimRef and the claim's volumeName. The volume's is written first; whatever
happens in between, the next sync of either of them finishes what was begun. A claim that was bound once is never given
another volume. Keys are `claim:<namespace>/<name>` and `volume:<name>`; one worker, so that no two claims are given
the same volume. Source: concept "Persistent Volumes", Kubernetes `pkg/controller/volume/persistentvolume`.
"""

from __future__ import annotations

from minikctl.api.meta import Obj, key, name, namespace, timestamp, uid
from minikctl.api.volumes import claims_of_pod
from minikctl.client.assume_cache import AssumeCache
from minikctl.client.events import NORMAL, WARNING
from minikctl.controllers.base import Controller, cause_of
from minikctl.controllers.persistent_volume import objects
from minikctl.controllers.persistent_volume.claims import ClaimSync
from minikctl.controllers.persistent_volume.volumes import VolumeSync

CLAIM, VOLUME = "claim:", "volume:"
BY_CLAIM, BY_VOLUME = "claim", "volume"


def by_claim(pod: Obj) -> list[str]:
    """Index of pods: the keys of the claims that a pod mounts."""
    return [f"{namespace(pod)}/{use.name}" for use in claims_of_pod(pod)]


class PersistentVolumeController(Controller):
    name = "persistentvolume-controller"

    def setup(self) -> None:
        self._said: dict[str, tuple[str, str]] = {}
        self._stored_claims = self.watch(
            "persistentvolumeclaims",
            self._claim_changed,
            on_delete=self._claim_gone,
            indexers={BY_VOLUME: lambda claim: [claim["spec"].get("volumeName") or ""]},
        )
        self.claims = AssumeCache(self._stored_claims)
        self.volumes = AssumeCache(self.watch("persistentvolumes", self._volume_changed))
        self.classes = self.watch("storageclasses", self._class_changed)
        self.pods = self.informers.informer("pods", indexers={BY_CLAIM: by_claim})
        self._claim_sync, self._volume_sync = ClaimSync(self), VolumeSync(self)

    # ------------------------------------------------------------------ being told

    def _volume_changed(self, volume: Obj) -> None:
        cause = cause_of(volume)
        self.queue.add(VOLUME + name(volume), cause)
        ref = volume["spec"].get("claimRef")
        if ref is not None:
            self.queue.add(f"{CLAIM}{ref.get('namespace', '')}/{ref.get('name', '')}", cause)
        for asked in (name(volume), "") if ref is None else (name(volume),):
            for claim in self._stored_claims.by_index(BY_VOLUME, asked):
                self.queue.add(CLAIM + key(claim), cause)

    def _claim_changed(self, claim: Obj) -> None:
        self.queue.add(CLAIM + key(claim), cause_of(claim))
        self._volumes_of(claim)

    def _claim_gone(self, claim: Obj) -> None:
        self._said.pop(uid(claim), None)
        self._volumes_of(claim)

    def _volumes_of(self, claim: Obj) -> None:
        if claim["spec"].get("volumeName"):
            self.queue.add(VOLUME + claim["spec"]["volumeName"], cause_of(claim))

    def _class_changed(self, storage: Obj) -> None:
        for claim in self._stored_claims.by_index(BY_VOLUME, ""):
            self.queue.add(CLAIM + key(claim), cause_of(storage))

    def sync(self, object_key: str) -> float | None:
        if object_key.startswith(CLAIM):
            claim = self.claims.by_key(object_key.removeprefix(CLAIM))
            if claim is not None:
                self._claim_sync.sync(claim)
        else:
            volume = self.volumes.by_key(object_key.removeprefix(VOLUME))
            if volume is not None:
                self._volume_sync.sync(volume)
        return None

    # ------------------------------------------------------------------ writing

    def bind(self, volume: Obj, claim: Obj) -> None:
        """Have them name each other and say so; does what is missing. Raises ApiError."""
        volume = self.save_volume(objects.volume_for_claim(volume, claim)) or volume
        self.volume_phase(volume, objects.BOUND)
        claim = self.save_claim(objects.claim_for_volume(claim, volume)) or claim
        self.save_claim(objects.claim_in_phase(claim, objects.BOUND, volume), "status")
        self._said.pop(uid(claim), None)

    def volume_phase(self, volume: Obj, phase: str, message: str = "") -> bool:
        """True when the volume was in another phase before."""
        changed = objects.volume_in_phase(volume, phase, timestamp(self.clock.now()), message)
        return self.save_volume(changed, "status") is not None

    def claim_phase(self, claim: Obj, phase: str) -> bool:
        """For a claim that has no volume. True when something changed."""
        return self.save_claim(objects.claim_in_phase(claim, phase), "status") is not None

    def save_volume(self, volume: Obj | None, subresource: str = "") -> Obj | None:
        if volume is None:
            return None
        return self.volumes.assume(self.client.update("persistentvolumes", volume, subresource=subresource))

    def save_claim(self, claim: Obj | None, subresource: str = "") -> Obj | None:
        if claim is None:
            return None
        return self.claims.assume(self.client.update("persistentvolumeclaims", claim, subresource=subresource))

    # ------------------------------------------------------------------ saying

    def say(self, obj: Obj, event_type: str, reason: str, message: str) -> None:
        """An Event, unless it is what was said of the object last."""
        if self._said.get(uid(obj)) != (reason, message):
            self._said[uid(obj)] = (reason, message)
            self.recorder.event(obj, event_type, reason, message)

    def normal(self, obj: Obj, reason: str, message: str) -> None:
        self.say(obj, NORMAL, reason, message)

    def warning(self, obj: Obj, reason: str, message: str) -> None:
        self.say(obj, WARNING, reason, message)
