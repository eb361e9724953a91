"""NetworkPolicy: which traffic pods accept and send."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj


def default(obj: Obj) -> None:
    spec = obj["spec"]
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    for rule in [*(spec.get("ingress") or []), *(spec.get("egress") or [])]:
        for port in rule.get("ports") or []:
            port.setdefault("protocol", "TCP")


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import network_policy

    return network_policy.validate(obj)


def row(obj: Obj, now: datetime) -> list[Cell]:
    from minikctl.api.selectors import format_label_selector

    meta = obj["metadata"]
    selector = format_label_selector((obj.get("spec") or {}).get("podSelector"))
    return [meta["name"], selector, since(meta.get("creationTimestamp"), now)]


KIND = Kind(
    group="networking.k8s.io",
    version="v1",
    kind="NetworkPolicy",
    plural="networkpolicies",
    type="networking/v1.NetworkPolicy",
    short_names=("netpol",),
    has_generation=True,
    default=default,
    validate=validate,
    columns=(NAME, Column("Pod-Selector"), AGE),
    row=row,
)
