"""CSIStorageCapacity: how much room a driver has in a part of the cluster."""

from datetime import datetime

from minikctl.api.errors import FieldError
from minikctl.api.kind import NAME, Cell, Column, Kind
from minikctl.api.meta import Obj


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import storage

    return storage.validate_capacity(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import storage

    return storage.validate_capacity_update(obj, old)


def row(obj: Obj, _now: datetime) -> list[Cell]:
    capacity = obj.get("capacity")
    return [obj["metadata"]["name"], obj.get("storageClassName", ""), "<unset>" if capacity is None else str(capacity)]


KIND = Kind(
    group="storage.k8s.io",
    version="v1",
    kind="CSIStorageCapacity",
    plural="csistoragecapacities",
    type="storage/v1.CSIStorageCapacity",
    validate=validate,
    validate_update=validate_update,
    columns=(NAME, Column("StorageClassName"), Column("Capacity")),
    row=row,
)
