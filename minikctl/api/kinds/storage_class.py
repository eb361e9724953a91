"""StorageClass: how volumes for claims come to be."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj, annotations_of

DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def default(obj: Obj) -> None:
    obj.setdefault("reclaimPolicy", "Delete")
    obj.setdefault("volumeBindingMode", "Immediate")


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import storage

    return storage.validate_class(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import storage

    return storage.validate_class_update(obj, old)


def is_default(obj: Obj) -> bool:
    return any(annotations_of(obj).get(a) == "true" for a in DEFAULT_CLASS)


def row(obj: Obj, now: datetime) -> list[Cell]:
    meta = obj["metadata"]
    return [
        meta["name"] + (" (default)" if is_default(obj) else ""),
        obj.get("provisioner", ""),
        obj.get("reclaimPolicy") or "Delete",
        obj.get("volumeBindingMode") or "Immediate",
        bool(obj.get("allowVolumeExpansion")),
        since(meta.get("creationTimestamp"), now),
    ]


KIND = Kind(
    group="storage.k8s.io",
    version="v1",
    kind="StorageClass",
    plural="storageclasses",
    type="storage/v1.StorageClass",
    namespaced=False,
    short_names=("sc",),
    default=default,
    validate=validate,
    validate_update=validate_update,
    columns=(
        NAME,
        Column("Provisioner"),
        Column("ReclaimPolicy"),
        Column("VolumeBindingMode"),
        Column("AllowVolumeExpansion", "boolean"),
        AGE,
    ),
    row=row,
)
