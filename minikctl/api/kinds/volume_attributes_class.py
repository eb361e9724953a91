"""VolumeAttributesClass: properties of volumes that can change while they are in use."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import storage

    return storage.validate_attributes_class(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import storage

    return storage.validate_attributes_class_update(obj, old)


def row(obj: Obj, now: datetime) -> list[Cell]:
    meta = obj["metadata"]
    return [meta["name"], obj.get("driverName", ""), since(meta.get("creationTimestamp"), now)]


KIND = Kind(
    group="storage.k8s.io",
    version="v1",
    kind="VolumeAttributesClass",
    plural="volumeattributesclasses",
    type="storage/v1.VolumeAttributesClass",
    namespaced=False,
    short_names=("vac",),
    validate=validate,
    validate_update=validate_update,
    columns=(NAME, Column("DriverName"), AGE),
    row=row,
)
