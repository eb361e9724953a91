"""Nodes. Source: Kubernetes `ValidateNode`, `ValidateNodeUpdate`."""

from __future__ import annotations

from minikctl.api.errors import field_duplicate, field_forbidden, field_invalid
from minikctl.api.meta import Obj
from minikctl.api.validation import net, scheduling
from minikctl.api.validation.common import Errors
from minikctl.api.validation.resources import quantity_value


def validate(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    errors = scheduling.taints(spec.get("taints") or [], "metadata.taints")
    errors += _resources(obj)
    ranges = spec.get("podCIDRs") or []
    for i, text in enumerate(ranges):
        errors += net.cidr(text, f"spec.podCIDRs[{i}]")
    if len(ranges) > 2 or len({net.is_ipv6(r) for r in ranges}) < len(ranges):
        why = "may specify no more than one CIDR for each IP family"
        errors.append(field_invalid("spec.podCIDRs", ranges, why))
    for i, text in enumerate(ranges):
        if text in ranges[:i]:
            errors.append(field_duplicate(f"spec.podCIDRs[{i}]", text))
    return errors


def _resources(obj: Obj) -> Errors:
    errors: Errors = []
    for field in ("capacity", "allocatable"):
        for name, text in sorted(((obj.get("status") or {}).get(field) or {}).items()):
            errors += quantity_value(name, text, f"status.{field}.{name}")
    return errors


def validate_update(obj: Obj, old: Obj) -> Errors:
    """Addresses of pods and the provider's id are given once."""
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    errors = _resources(obj) + _addresses(obj)
    if before.get("podCIDRs") and before["podCIDRs"] != spec.get("podCIDRs"):
        why = 'node updates may not change podCIDR except from "" to valid'
        errors.append(field_forbidden("spec.podCIDRs", why))
    if before.get("providerID") and before["providerID"] != spec.get("providerID"):
        why = 'node updates may not change providerID except from "" to valid'
        errors.append(field_forbidden("spec.providerID", why))
    return errors + scheduling.taints(spec.get("taints") or [], "metadata.taints")


def _addresses(obj: Obj) -> Errors:
    errors: Errors = []
    seen: list[Obj] = []
    for i, address in enumerate((obj.get("status") or {}).get("addresses") or []):
        if address in seen:
            shown = {"Type": address.get("type", ""), "Address": address.get("address", "")}
            errors.append(field_duplicate(f"status.addresses[{i}]", shown))
        seen.append(address)
    return errors


def validate_status_update(obj: Obj, _old: Obj) -> Errors:
    return _resources(obj) + _addresses(obj)
