"""PersistentVolume: a piece of storage that claims can be bound to."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.kinds.persistent_volume_claim import access_modes, class_warnings, storage_class
from minikctl.api.meta import Obj, is_deleting


def default(obj: Obj) -> None:
    spec = obj["spec"]
    if not spec.get("persistentVolumeReclaimPolicy"):
        spec["persistentVolumeReclaimPolicy"] = "Retain"
    spec.setdefault("volumeMode", "Filesystem")
    if spec.get("hostPath") is not None:
        spec["hostPath"].setdefault("type", "")
    if spec.get("iscsi") is not None and not spec["iscsi"].get("iscsiInterface"):
        spec["iscsi"]["iscsiInterface"] = "default"


def prepare_for_create(obj: Obj) -> None:
    obj["status"] = {"phase": "Pending"}
    created = obj["metadata"].get("creationTimestamp")
    if created:
        obj["status"]["lastPhaseTransitionTime"] = created


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import persistent_volume

    return persistent_volume.validate(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import persistent_volume

    return persistent_volume.validate_update(obj, old)


def warnings(obj: Obj) -> list[str]:
    texts = class_warnings(obj)
    if obj["spec"].get("persistentVolumeReclaimPolicy") == "Recycle":
        texts.append(
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended "
            "approach is to use dynamic provisioning."
        )
    return texts


def row(obj: Obj, now: datetime) -> list[Cell]:
    spec, status, meta = obj.get("spec", {}), obj.get("status") or {}, obj["metadata"]
    claim = spec.get("claimRef")
    return [
        meta["name"],
        (spec.get("capacity") or {}).get("storage", "0"),
        access_modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        "Terminating" if is_deleting(obj) else status.get("phase", ""),
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "",
        storage_class(obj),
        spec.get("volumeAttributesClassName") or "<unset>",
        status.get("reason") or "",
        since(meta.get("creationTimestamp"), now),
        spec.get("volumeMode") or "<unset>",
    ]


KIND = Kind(
    group="",
    version="v1",
    kind="PersistentVolume",
    plural="persistentvolumes",
    type="core/v1.PersistentVolume",
    namespaced=False,
    short_names=("pv",),
    subresources=("status",),
    default=default,
    prepare_for_create=prepare_for_create,
    validate=validate,
    validate_update=validate_update,
    warnings=warnings,
    columns=(
        NAME,
        Column("Capacity"),
        Column("Access Modes"),
        Column("Reclaim Policy"),
        Column("Status"),
        Column("Claim"),
        Column("StorageClass"),
        Column("VolumeAttributesClass"),
        Column("Reason"),
        AGE,
        Column("VolumeMode", priority=1),
    ),
    row=row,
)
