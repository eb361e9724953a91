"""VolumeAttachment: that a volume is to be attached to a node."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import storage

    return storage.validate_attachment(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import storage

    return storage.validate_attachment_update(obj, old)


def row(obj: Obj, now: datetime) -> list[Cell]:
    spec, meta = obj.get("spec") or {}, obj["metadata"]
    volume = (spec.get("source") or {}).get("persistentVolumeName") or ""
    attached = bool((obj.get("status") or {}).get("attached"))
    age = since(meta.get("creationTimestamp"), now)
    return [meta["name"], spec.get("attacher", ""), volume, spec.get("nodeName", ""), attached, age]


KIND = Kind(
    group="storage.k8s.io",
    version="v1",
    kind="VolumeAttachment",
    plural="volumeattachments",
    type="storage/v1.VolumeAttachment",
    namespaced=False,
    subresources=("status",),
    validate=validate,
    validate_update=validate_update,
    columns=(NAME, Column("Attacher"), Column("PV"), Column("Node"), Column("Attached", "boolean"), AGE),
    row=row,
)
