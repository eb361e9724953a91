"""ResourceSlice: the devices that a driver has, of one node or of several. Source: concept "Dynamic Resource
Allocation"."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import devices

    return devices.resource_slice(obj.get("spec") or {})


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import devices

    return devices.resource_slice_update(obj.get("spec") or {}, old.get("spec") or {})


def row(obj: Obj, now: datetime) -> list[Cell]:
    spec, meta = obj.get("spec") or {}, obj["metadata"]
    pool = (spec.get("pool") or {}).get("name") or ""
    return [meta["name"], _node(spec), spec.get("driver", ""), pool, since(meta.get("creationTimestamp"), now)]


def _node(spec: Obj) -> str:
    """Which node the devices are of, in the words of printers."""
    return spec.get("nodeName") or ("<all nodes>" if spec.get("allNodes") else "<some nodes>")


KIND = Kind(
    group="resource.k8s.io",
    version="v1",
    kind="ResourceSlice",
    plural="resourceslices",
    type="resource/v1.ResourceSlice",
    namespaced=False,
    has_generation=True,
    validate=validate,
    validate_update=validate_update,
    columns=(NAME, Column("Node"), Column("Driver"), Column("Pool"), AGE),
    row=row,
)
