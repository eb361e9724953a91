"""RuntimeClass: which runtime of a node runs a pod's containers, and what that costs."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError, field_invalid
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.names import dns_label, validate_labels
    from minikctl.api.validation.common import all_invalid
    from minikctl.api.validation.resources import requirements

    errors = all_invalid(dns_label, obj.get("handler", ""), "handler")
    if obj.get("overhead") is not None:
        limits = {"limits": obj["overhead"].get("podFixed") or {}}
        errors += [
            FieldError(e.reason, e.field.replace(".limits[", "["), e.detail, e.value)
            for e in requirements(limits, "overhead.podFixed")
        ]
    selector = (obj.get("scheduling") or {}).get("nodeSelector")
    return errors + validate_labels(selector, "scheduling.nodeSelector")


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    now = obj.get("handler")
    return [] if now == old.get("handler") else [field_invalid("handler", now, "field is immutable")]


def row(obj: Obj, now: datetime) -> list[Cell]:
    meta = obj["metadata"]
    return [meta["name"], obj.get("handler", ""), since(meta.get("creationTimestamp"), now)]


KIND = Kind(
    group="node.k8s.io",
    version="v1",
    kind="RuntimeClass",
    plural="runtimeclasses",
    type="node/v1.RuntimeClass",
    namespaced=False,
    validate=validate,
    validate_update=validate_update,
    columns=(NAME, Column("Handler"), AGE),
    row=row,
)
