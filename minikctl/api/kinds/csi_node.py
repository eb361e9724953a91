"""CSINode: the storage drivers that run on a node."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import storage

    return storage.validate_node(obj)


def row(obj: Obj, now: datetime) -> list[Cell]:
    drivers = (obj.get("spec") or {}).get("drivers") or []
    return [obj["metadata"]["name"], len(drivers), since(obj["metadata"].get("creationTimestamp"), now)]


KIND = Kind(
    group="storage.k8s.io",
    version="v1",
    kind="CSINode",
    plural="csinodes",
    type="storage/v1.CSINode",
    namespaced=False,
    validate=validate,
    columns=(NAME, Column("Drivers", "integer"), AGE),
    row=row,
)
