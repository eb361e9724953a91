"""What the kinds of dynamic resource allocation share: defaults and validation of claims and slices. Pure.

Source: Kubernetes `pkg/apis/resource/validation/validation.go`, `v1/defaults.go`.
"""

from __future__ import annotations

from minikctl.api.errors import FieldError, field_duplicate, field_invalid, field_required
from minikctl.api.meta import Obj
from minikctl.api.names import dns_label, dns_subdomain

EXACTLY = "ExactCount"
PLACES = ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection")
ONE_PLACE = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
ONE_SORT = "exactly one of `exactly` or `firstAvailable` is required"
IMMUTABLE = "field is immutable"


def default_claim(spec: Obj) -> None:
    """Of a claim's spec: one device where nothing is said."""
    for request in (spec.get("devices") or {}).get("requests") or []:
        for wanted in [
            *([request["exactly"]] if request.get("exactly") else []),
            *(request.get("firstAvailable") or []),
        ]:
            wanted.setdefault("allocationMode", EXACTLY)
            if wanted["allocationMode"] == EXACTLY and not wanted.get("count"):
                wanted["count"] = 1


def claim(spec: Obj, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for i, request in enumerate((spec.get("devices") or {}).get("requests") or []):
        where = f"{path}.devices.requests[{i}]"
        name = request.get("name") or ""
        errors += _name(name, f"{where}.name")
        if name in seen:
            errors.append(field_duplicate(f"{where}.name", name))
        seen.add(name)
        errors += _request(request, where)
    return errors


def _request(request: Obj, where: str) -> list[FieldError]:
    exactly, alternatives = request.get("exactly"), request.get("firstAvailable") or []
    if bool(exactly) == bool(alternatives):
        return [field_required(where, ONE_SORT) if not exactly else field_invalid(where, None, ONE_SORT)]
    if exactly:
        return _wanted(exactly, f"{where}.exactly")
    errors = []
    for i, each in enumerate(alternatives):
        errors += _name(each.get("name") or "", f"{where}.firstAvailable[{i}].name")
        errors += _wanted(each, f"{where}.firstAvailable[{i}]")
    return errors


def _wanted(wanted: Obj, where: str) -> list[FieldError]:
    errors = []
    named = wanted.get("deviceClassName") or ""
    if not named:
        errors.append(field_required(f"{where}.deviceClassName"))
    errors += [field_invalid(f"{where}.deviceClassName", named, why) for why in (dns_subdomain(named) if named else [])]
    count = wanted.get("count")
    if wanted.get("allocationMode") == EXACTLY and count is not None and count <= 0:
        errors.append(field_invalid(f"{where}.count", count, "must be greater than zero"))
    return errors + selectors(wanted.get("selectors"), f"{where}.selectors")


def selectors(listed: list[Obj] | None, where: str) -> list[FieldError]:
    return [
        field_required(f"{where}[{i}].cel.expression")
        for i, one in enumerate(listed or [])
        if not (one.get("cel") or {}).get("expression")
    ]


def resource_slice(spec: Obj) -> list[FieldError]:
    driver, pool = spec.get("driver") or "", spec.get("pool") or {}
    errors = [] if driver else [field_required("spec.driver")]
    errors += [field_invalid("spec.driver", driver, why) for why in (dns_subdomain(driver) if driver else [])]
    if not pool.get("name"):
        errors.append(field_required("spec.pool.name"))
    if (pool.get("resourceSliceCount") or 0) <= 0:
        shown = pool.get("resourceSliceCount", 0)
        errors.append(field_invalid("spec.pool.resourceSliceCount", shown, "must be greater than zero"))
    if (pool.get("generation") or 0) < 0:
        errors.append(field_invalid("spec.pool.generation", pool["generation"], "must be greater than or equal to 0"))
    chosen = [place for place in PLACES if spec.get(place)]
    if len(chosen) != 1:
        shown = f"{{{', '.join(chosen)}}}" if chosen else None
        errors.append(field_invalid("spec", shown, ONE_PLACE) if chosen else field_required("spec", ONE_PLACE))
    for i, device in enumerate(spec.get("devices") or []):
        errors += _name(device.get("name") or "", f"spec.devices[{i}].name")
    return errors


def resource_slice_update(spec: Obj, old: Obj) -> list[FieldError]:
    pool, before = spec.get("pool") or {}, old.get("pool") or {}
    fields = (
        ("spec.driver", spec.get("driver"), old.get("driver")),
        ("spec.pool.name", pool.get("name"), before.get("name")),
        ("spec.nodeName", spec.get("nodeName"), old.get("nodeName")),
    )
    return [field_invalid(field, now, IMMUTABLE) for field, now, then in fields if now != then]


def _name(name: str, where: str) -> list[FieldError]:
    if not name:
        return [field_required(where)]
    return [field_invalid(where, name, why) for why in dns_label(name)]
