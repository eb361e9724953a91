"""minikctl.io/hostpath: makes volumes for claims, grows them and deletes them. A volume is a directory.

It stands where another cluster has an external provisioner and resizer, and keeps to their protocol: it looks for
claims on which the binder has written its name, makes a volume that names the claim, and leaves the binding to the
binder; a volume of its own that is Released with the policy Delete goes, with all that is in it. The directories are
`volumes/<volume>/` below the state directory; all nodes are on this machine, so that every node reaches them.
Source: Kubernetes `sig-storage-lib-external-provisioner`, `external-resizer`, `pkg/controller/volume/expand`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from minikctl.api import quantity, volumes
from minikctl.api.errors import ApiError
from minikctl.api.kinds.persistent_volume_claim import storage_class
from minikctl.api.meta import Obj, annotations_of, get_path, is_deleting, key, name, namespace, timestamp, uid
from minikctl.api.volumes import OWN_PROVISIONER, PROVISIONED_BY, PROVISIONER, SELECTED_NODE
from minikctl.controllers.base import Controller, cause_of

CLAIM, VOLUME = "claim:", "volume:"
FOLDER = "volumes"
RESIZING = "Resizing"


class VolumeProvisioner(Controller):
    name = OWN_PROVISIONER

    def setup(self) -> None:
        """Without a state directory (tests of other controllers) there is nowhere to make anything."""
        if "state_dir" not in self.context.settings:
            return
        self._folder = Path(self.context.settings["state_dir"]) / FOLDER
        self._told: set[tuple[str, str]] = set()
        self.volumes = self.watch("persistentvolumes", self._volume_changed, on_delete=lambda _volume: None)
        self.claims = self.watch(
            "persistentvolumeclaims",
            lambda claim: self.queue.add(CLAIM + key(claim), cause_of(claim)),
            on_delete=lambda _claim: None,
        )
        self.classes = self.watch("storageclasses", self._class_changed, on_delete=lambda _class: None)

    def _volume_changed(self, volume: Obj) -> None:
        if annotations_of(volume).get(PROVISIONED_BY) == OWN_PROVISIONER:
            self.queue.add(VOLUME + name(volume), cause_of(volume))

    def _class_changed(self, storage: Obj) -> None:
        for claim in self.claims.list():
            if storage_class(claim) == name(storage):
                self.queue.add(CLAIM + key(claim), cause_of(storage))

    def sync(self, object_key: str) -> float | None:
        if object_key.startswith(CLAIM):
            claim = self.claims.by_key(object_key.removeprefix(CLAIM))
            if claim is not None and not is_deleting(claim):
                if claim["spec"].get("volumeName"):
                    self._expand(claim)
                else:
                    self._provision(claim)
        else:
            volume = self.volumes.by_key(object_key.removeprefix(VOLUME))
            if volume is not None:
                self._delete(volume)
        return None

    # ------------------------------------------------------------------ making

    def _provision(self, claim: Obj) -> None:
        storage = self.classes.get(storage_class(claim))
        if storage is None or not wants_volume(claim, storage) or self.volumes.get(volume_name(claim)) is not None:
            return
        why = refusal(claim, storage)
        if why:
            text = f'failed to provision volume with StorageClass "{name(storage)}": {why}'
            self._tell_once(claim, "ProvisioningFailed", text)
            return
        text = f'External provisioner is provisioning volume for claim "{key(claim)}"'
        self.recorder.normal(claim, "Provisioning", text)
        folder = self._folder / volume_name(claim)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o777)  # whichever user a container runs as
        except OSError as e:
            text = f'failed to provision volume with StorageClass "{name(storage)}": {e.strerror}: {folder}'
            self.recorder.warning(claim, "ProvisioningFailed", text)
            raise
        try:
            self.client.create("persistentvolumes", volume_for(claim, storage, str(folder)))
        except ApiError as e:
            if e.reason != "AlreadyExists":
                raise
        self.recorder.normal(claim, "ProvisioningSucceeded", f"Successfully provisioned volume {volume_name(claim)}")

    # ------------------------------------------------------------------ growing

    def _expand(self, claim: Obj) -> None:
        """Directories have no size: a larger one is a matter of saying so."""
        wanted = get_path(claim, "spec", "resources", "requests", "storage")
        given = get_path(claim, "status", "capacity", "storage")
        if not wanted or not given or quantity.parse(wanted) <= quantity.parse(given):
            return
        volume = self.volumes.get(claim["spec"]["volumeName"])
        if volume is None or (claim.get("status") or {}).get("phase") != "Bound":
            return
        text = "waiting for an external controller to expand this PVC"
        self._tell_once(claim, "ExternalExpanding", text, normal=True)
        if annotations_of(volume).get(PROVISIONED_BY) != OWN_PROVISIONER:
            return
        if not is_resizing(claim, wanted):
            self.recorder.normal(claim, "Resizing", f"External resizer is resizing volume {name(volume)}")
            claim = self._put_status(claim, resizing(claim["status"], wanted, timestamp(self.clock.now())))
        if volumes.capacity(volume) < quantity.value(wanted):
            changed = {**volume["spec"]["capacity"], "storage": wanted}
            self.client.update("persistentvolumes", {**volume, "spec": {**volume["spec"], "capacity": changed}})
        self._put_status(claim, resized(claim["status"], wanted))
        self.recorder.normal(claim, "VolumeResizeSuccessful", "Resize volume succeeded")

    def _put_status(self, claim: Obj, status: Obj) -> Obj:
        return self.client.update("persistentvolumeclaims", {**claim, "status": status}, subresource="status")

    # ------------------------------------------------------------------ deleting

    def _delete(self, volume: Obj) -> None:
        if (volume.get("status") or {}).get("phase") != "Released" or is_deleting(volume):
            return
        if volume["spec"].get("persistentVolumeReclaimPolicy") != "Delete":
            return
        folder = Path(get_path(volume, "spec", "hostPath", "path", default=""))
        if folder.parent != self._folder:  # somebody has edited it: what lies elsewhere is not ours to remove
            text = f"{folder} is not a directory of {OWN_PROVISIONER}: delete it by hand"
            self._tell_once(volume, "VolumeFailedDelete", text)
            return
        try:
            remove(folder)
        except OSError as e:
            self._tell_once(volume, "VolumeFailedDelete", f"{e.strerror}: {e.filename}")
            raise
        self.client.delete("persistentvolumes", name(volume))

    def _tell_once(self, obj: Obj, reason: str, text: str, *, normal: bool = False) -> None:
        if (uid(obj), text) not in self._told:
            self._told.add((uid(obj), text))
            (self.recorder.normal if normal else self.recorder.warning)(obj, reason, text)


def volume_name(claim: Obj) -> str:
    return f"pvc-{uid(claim)}"


def wants_volume(claim: Obj, storage: Obj) -> bool:
    """True when the binder has handed the claim to this provisioner, and the scheduler its node if it has to. Pure."""
    if storage["provisioner"] != OWN_PROVISIONER:
        return False
    if not any(annotations_of(claim).get(a) == OWN_PROVISIONER for a in PROVISIONER):
        return False
    return not volumes.is_delayed(storage) or bool(annotations_of(claim).get(SELECTED_NODE))


def refusal(claim: Obj, storage: Obj) -> str:
    """Why no volume can be made for a claim, `""` when one can. Pure."""
    spec = claim["spec"]
    if spec.get("selector") is not None:
        return "claim Selector is not supported"
    if spec.get("volumeMode") == "Block":
        return f"{OWN_PROVISIONER} makes directories, not block devices"
    if spec.get("dataSource") or spec.get("dataSourceRef"):
        return f"{OWN_PROVISIONER} cannot copy a data source"
    if storage.get("parameters"):
        return f"{OWN_PROVISIONER} knows no parameters: {', '.join(sorted(storage['parameters']))}"
    return ""


def is_resizing(claim: Obj, wanted: str) -> bool:
    status = claim["status"]
    return any(c["type"] == RESIZING for c in status.get("conditions") or []) and (
        (status.get("allocatedResources") or {}).get("storage") == wanted
    )


def resizing(status: Obj, wanted: str, now: str) -> Obj:
    """A claim's status while its volume grows: what it is to have is allocated. Pure."""
    condition = {"type": RESIZING, "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
    return {
        **status,
        "conditions": [*_without_resizing(status), condition],
        "allocatedResources": {"storage": wanted},
        "allocatedResourceStatuses": {"storage": "ControllerResizeInProgress"},
    }


def resized(status: Obj, wanted: str) -> Obj:
    """Pure."""
    rest = {k: v for k, v in status.items() if k not in ("conditions", "allocatedResourceStatuses")}
    others = _without_resizing(status)
    return {
        **rest,
        **({"conditions": others} if others else {}),
        "capacity": {**status["capacity"], "storage": wanted},
    }


def _without_resizing(status: Obj) -> list[Obj]:
    return [c for c in status.get("conditions") or [] if c["type"] != RESIZING]


def volume_for(claim: Obj, storage: Obj, folder: str) -> Obj:
    """The volume as it is to be created. Pure."""
    spec: Obj = {
        "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
        "hostPath": {"path": folder, "type": "DirectoryOrCreate"},
        "accessModes": claim["spec"].get("accessModes") or [],
        "claimRef": {
            "kind": "PersistentVolumeClaim",
            "namespace": namespace(claim),
            "name": name(claim),
            "uid": uid(claim),
            "apiVersion": "v1",
            "resourceVersion": claim["metadata"].get("resourceVersion", ""),
        },
        "persistentVolumeReclaimPolicy": storage.get("reclaimPolicy") or "Delete",
        "storageClassName": name(storage),
        "volumeMode": "Filesystem",
    }
    if storage.get("mountOptions"):
        spec["mountOptions"] = storage["mountOptions"]
    meta = {"name": volume_name(claim), "annotations": {PROVISIONED_BY: OWN_PROVISIONER}}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta, "spec": spec}


def remove(folder: Path) -> None:
    """All of a directory; links are removed, not followed. Raises OSError."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.is_dir():
        folder.chmod(0o700)  # a container may have taken away its own permissions
        for inner, folders, _files in os.walk(folder):
            for name in folders:
                if not os.path.islink(os.path.join(inner, name)):
                    os.chmod(os.path.join(inner, name), 0o700)
        shutil.rmtree(folder)


CONTROLLER = VolumeProvisioner
