"""IPAddress: one address of the Service range, and whose it is (KEP-1880). The API server makes and removes them."""

from datetime import datetime

from minikctl.api.errors import FieldError, field_invalid, field_required
from minikctl.api.kind import NAME, Cell, Column, Kind
from minikctl.api.meta import Obj


def address_name(name: str) -> list[str]:
    """The name is the address, in its one form."""
    from minikctl.api.validation import net

    address = net.parse(name)
    if address is None:
        return [f'ParseAddr("{name}"): unable to parse IP']
    return [] if str(address) == name else ["must be a canonical format IP address"]


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.names import dns_subdomain, path_segment
    from minikctl.api.validation.common import all_invalid

    parent = (obj.get("spec") or {}).get("parentRef")
    at = "spec.parentRef"
    if parent is None:
        return [field_required(at)]
    errors: list[FieldError] = []
    if parent.get("group"):
        errors += all_invalid(dns_subdomain, parent["group"], f"{at}.group")
    for field in ("resource", "name"):
        if not parent.get(field):
            errors.append(field_required(f"{at}.{field}"))
        else:
            errors += all_invalid(path_segment, parent[field], f"{at}.{field}")
    return errors


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    now, before = (o.get("spec", {}).get("parentRef") for o in (obj, old))
    return [] if now == before else [field_invalid("spec.parentRef", now, "field is immutable")]


def row(obj: Obj, _now: datetime) -> list[Cell]:
    parent = (obj.get("spec") or {}).get("parentRef") or {}
    group = f".{parent['group']}" if parent.get("group") else ""
    parts = [parent.get("resource", "") + group, parent.get("namespace", ""), parent.get("name", "")]
    return [obj["metadata"]["name"], "/".join(p for p in parts if p) or "<none>"]


KIND = Kind(
    group="networking.k8s.io",
    version="v1",
    kind="IPAddress",
    plural="ipaddresses",
    type="networking/v1.IPAddress",
    namespaced=False,
    short_names=("ip",),
    validate_name=address_name,
    validate=validate,
    validate_update=validate_update,
    columns=(NAME, Column("ParentRef")),
    row=row,
)
