"""IngressClass: which controller serves an Ingress."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj


def default(obj: Obj) -> None:
    parameters = (obj.get("spec") or {}).get("parameters")
    if parameters is not None and parameters.get("scope") is None:
        parameters["scope"] = "Cluster"


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import ingress

    return ingress.validate_class(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import ingress

    return ingress.validate_class_update(obj, old)


def row(obj: Obj, now: datetime) -> list[Cell]:
    spec, meta = obj.get("spec") or {}, obj["metadata"]
    shown, ref = "<none>", spec.get("parameters")
    if ref:
        shown = ref["kind"] + (f".{ref['apiGroup']}" if ref.get("apiGroup") else "") + f"/{ref['name']}"
    return [meta["name"], spec.get("controller", ""), shown, since(meta.get("creationTimestamp"), now)]


KIND = Kind(
    group="networking.k8s.io",
    version="v1",
    kind="IngressClass",
    plural="ingressclasses",
    type="networking/v1.IngressClass",
    namespaced=False,
    has_generation=True,
    default=default,
    validate=validate,
    validate_update=validate_update,
    columns=(NAME, Column("Controller"), Column("Parameters"), AGE),
    row=row,
)
