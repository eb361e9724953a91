"""EndpointSlice: up to a hundred or so of the addresses behind a Service, with their ports and conditions."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj

SHOWN = 3


def default(obj: Obj) -> None:
    for port in obj.get("ports") or []:
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import endpoints

    return endpoints.validate_slice(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import endpoints

    return endpoints.validate_slice_update(obj, old)


def warnings(obj: Obj) -> list[str]:
    return ["spec.addressType: FQDN endpoints are deprecated"] if obj.get("addressType") == "FQDN" else []


def _first(values: list[str]) -> str:
    if not any(values):
        return "<unset>"
    return ",".join(values[:SHOWN]) + (f" + {len(values) - SHOWN} more..." if len(values) > SHOWN else "")


def _port(port: Obj) -> str:
    return str(port.get("port") if port.get("port") is not None else port.get("name") or "*")


def row(obj: Obj, now: datetime) -> list[Cell]:
    meta = obj["metadata"]
    addresses = [a for endpoint in obj.get("endpoints") or [] for a in endpoint.get("addresses") or []]
    ports = [_port(p) for p in obj.get("ports") or []]
    age = since(meta.get("creationTimestamp"), now)
    return [meta["name"], obj.get("addressType", ""), _first(ports), _first(addresses), age]


KIND = Kind(
    group="discovery.k8s.io",
    version="v1",
    kind="EndpointSlice",
    plural="endpointslices",
    type="discovery/v1.EndpointSlice",
    has_generation=True,
    default=default,
    validate=validate,
    validate_update=validate_update,
    warnings=warnings,
    columns=(NAME, Column("AddressType"), Column("Ports"), Column("Endpoints"), AGE),
    row=row,
)
