"""Ingress: HTTP hosts and paths, and the Services behind them."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj, annotations_of

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
SHOWN = 3


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import ingress

    return ingress.validate(obj)


def validate_status_update(obj: Obj, _old: Obj) -> list[FieldError]:
    from minikctl.api.validation import ingress

    return ingress.validate_status(obj)


def warnings(obj: Obj) -> list[str]:
    """Only the creation is warned about, not later updates: a new object has no version yet."""
    if "resourceVersion" in obj["metadata"] or CLASS_ANNOTATION not in annotations_of(obj):
        return []
    return [f"annotation \"{CLASS_ANNOTATION}\" is deprecated, please use 'spec.ingressClassName' instead"]


def _hosts(rules: list[Obj]) -> str:
    hosts = [r["host"] for r in rules if r.get("host")]
    more = f" + {len(hosts) - SHOWN} more..." if len(hosts) > SHOWN else ""
    return ",".join(hosts[:SHOWN]) + more or "*"


def row(obj: Obj, now: datetime) -> list[Cell]:
    spec, meta = obj.get("spec") or {}, obj["metadata"]
    balancer = (obj.get("status") or {}).get("loadBalancer") or {}
    addresses = {i.get("ip") or i.get("hostname") or "" for i in balancer.get("ingress") or []} - {""}
    return [
        meta["name"],
        spec.get("ingressClassName") or "<none>",
        _hosts(spec.get("rules") or []),
        ",".join(sorted(addresses)),
        "80, 443" if spec.get("tls") else "80",
        since(meta.get("creationTimestamp"), now),
    ]


KIND = Kind(
    group="networking.k8s.io",
    version="v1",
    kind="Ingress",
    plural="ingresses",
    type="networking/v1.Ingress",
    short_names=("ing",),
    subresources=("status",),
    has_generation=True,
    validate=validate,
    validate_status_update=validate_status_update,
    warnings=warnings,
    columns=(NAME, Column("Class"), Column("Hosts"), Column("Address"), Column("Ports"), AGE),
    row=row,
)
