"""ServiceCIDR: a range that the cluster IPs of Services come from (KEP-1880)."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError, field_invalid, field_required
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj

ONE_OF_EACH = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96"


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import net

    cidrs, at = (obj.get("spec") or {}).get("cidrs") or [], "spec.cidrs"
    if not cidrs:
        return [field_required(at, "at least one CIDR required")]
    if len(cidrs) > 2:
        return [field_invalid(at, cidrs, "may only hold up to 2 values")]
    errors = []
    if len(cidrs) == 2 and net.is_ipv6(cidrs[0]) == net.is_ipv6(cidrs[1]):
        errors.append(field_invalid(at, cidrs, ONE_OF_EACH))
    return errors + [e for i, text in enumerate(cidrs) for e in net.canonical_cidr(text, f"{at}[{i}]")]


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    """A second family may be added; else the range is fixed."""
    now, before = ((o.get("spec") or {}).get("cidrs") or [] for o in (obj, old))
    if now == before or (len(before) == 1 and len(now) == 2 and now[0] == before[0]):
        return []
    return [field_invalid("spec.cidrs", now, "field is immutable")]


def row(obj: Obj, now: datetime) -> list[Cell]:
    cidrs = (obj.get("spec") or {}).get("cidrs") or []
    return [obj["metadata"]["name"], ",".join(cidrs), since(obj["metadata"].get("creationTimestamp"), now)]


KIND = Kind(
    group="networking.k8s.io",
    version="v1",
    kind="ServiceCIDR",
    plural="servicecidrs",
    type="networking/v1.ServiceCIDR",
    namespaced=False,
    subresources=("status",),
    validate=validate,
    validate_update=validate_update,
    columns=(NAME, Column("CIDRs"), AGE),
    row=row,
)
