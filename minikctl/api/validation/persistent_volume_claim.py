"""Which PersistentVolumeClaims are valid. Source: Kubernetes `pkg/apis/core/validation`."""

from __future__ import annotations

from minikctl.api import quantity
from minikctl.api.errors import field_forbidden, field_invalid, field_not_supported, field_required
from minikctl.api.meta import Obj, get_path
from minikctl.api.names import dns_subdomain
from minikctl.api.validation import label_selector
from minikctl.api.validation.common import Errors, all_invalid, immutable
from minikctl.api.validation.difference import difference

ACCESS_MODES = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]
VOLUME_MODES = ["Block", "Filesystem"]
_FIXED = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"


def access_modes(modes: list[str], path: str) -> Errors:
    errors: Errors = [field_not_supported(path, mode, ACCESS_MODES) for mode in modes if mode not in ACCESS_MODES]
    if "ReadWriteOncePod" in modes and len(set(modes)) > 1:
        errors.append(field_forbidden(path, "may not use ReadWriteOncePod with other access modes"))
    return errors


def positive(text: str, path: str) -> Errors:
    return [field_invalid(path, text, "must be greater than zero")] if quantity.parse(text) <= 0 else []


def validate(obj: Obj) -> Errors:
    return validate_spec(obj["spec"], "spec")


def validate_spec(spec: Obj, at: str) -> Errors:
    """The spec of a claim, or of a claim template."""
    modes = spec.get("accessModes") or []
    errors: Errors = []
    if not modes:
        errors.append(field_required(f"{at}.accessModes", "at least 1 access mode is required"))
    errors += label_selector.validate(spec.get("selector"), f"{at}.selector")
    errors += access_modes(modes, f"{at}.accessModes")
    size = get_path(spec, "resources", "requests", "storage")
    if size is None:
        errors.append(field_required(f"{at}.resources[storage]"))
    else:
        errors += positive(size, f"{at}.resources[storage]")
    errors += optional_name(spec.get("storageClassName"), f"{at}.storageClassName")
    mode = spec.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        errors.append(field_not_supported(f"{at}.volumeMode", mode, VOLUME_MODES))
    errors += _sources(spec, at)
    return errors + optional_name(spec.get("volumeAttributesClassName"), f"{at}.volumeAttributesClassName")


def optional_name(name: str | None, path: str) -> Errors:
    return all_invalid(dns_subdomain, name, path) if name else []


def _sources(spec: Obj, at: str) -> Errors:
    source, ref = spec.get("dataSource"), spec.get("dataSourceRef")
    errors: Errors = []
    if source is not None:
        errors += _source(source, f"{at}.dataSource")
    if ref is not None:
        errors += _source(ref, f"{at}.dataSourceRef")
    if ref is None:
        return errors
    if ref.get("namespace"):
        if source is not None:
            why = "may not be specified when dataSourceRef.namespace is specified"
            errors.append(field_invalid(at, f"{at}.dataSource", why))
    elif source is not None and {k: v for k, v in ref.items() if k != "namespace"} != source:
        errors.append(field_invalid(at, f"{at}.dataSource", "must match dataSourceRef"))
    return errors


def _source(source: Obj, at: str) -> Errors:
    errors: Errors = [field_required(f"{at}.{field}") for field in ("name", "kind") if not source.get(field)]
    group, kind = source.get("apiGroup") or "", source.get("kind") or ""
    if not group and kind and kind != "PersistentVolumeClaim":
        why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        errors.append(field_invalid(at, kind, why))
    if group:
        errors += all_invalid(dns_subdomain, group, f"{at}.apiGroup")
    return errors


def validate_update(obj: Obj, old: Obj) -> Errors:
    """A claim is fixed, but for its size and attributes class once it is bound."""
    errors = validate(obj)
    spec, before = dict(obj["spec"]), dict(old["spec"])
    if not before.get("volumeName"):
        before["volumeName"] = spec.get("volumeName")
    if before.get("storageClassName") is None and not before.get("volumeName"):
        before["storageClassName"] = spec.get("storageClassName")  # a default class arrives later (KEP-3333)
    if get_path(obj, "status", "phase") == "Bound":
        before["resources"] = {**(before.get("resources") or {}), "requests": get_path(spec, "resources", "requests")}
    before["volumeAttributesClassName"] = spec.get("volumeAttributesClassName")
    spec, before = ({k: v for k, v in part.items() if v is not None} for part in (spec, before))
    if spec != before:
        shown = difference("core/v1.PersistentVolumeClaimSpec", before, spec)
        errors.append(field_forbidden("spec", f"{_FIXED}\n{shown}"))
    errors += _size(obj, old)
    errors += immutable(obj["spec"].get("volumeMode"), old["spec"].get("volumeMode"), "volumeMode")
    return errors + _attributes_class(obj, old)


def _size(obj: Obj, old: Obj) -> Errors:
    """Growing is fine; shrinking only takes back an expansion that has not happened."""
    path = ("spec", "resources", "requests", "storage")
    now, before = get_path(obj, *path), get_path(old, *path)
    if now is None or before is None or quantity.parse(now) >= quantity.parse(before):
        return []
    given = get_path(old, "status", "capacity", "storage", default="0")
    if quantity.parse(now) > quantity.parse(given):
        return []
    return [field_forbidden(".".join(path), "field can not be less than status.capacity")]


def _attributes_class(obj: Obj, old: Obj) -> Errors:
    now, before = obj["spec"].get("volumeAttributesClassName"), old["spec"].get("volumeAttributesClassName")
    if before and not now:
        why = "update from non-nil value to nil is forbidden"
        return [field_forbidden("spec.volumeAttributesClassName", why)]
    return []


def validate_status(obj: Obj) -> Errors:
    """What a bound claim reports about its volume."""
    status = obj.get("status") or {}
    errors: Errors = []
    if status.get("resizeStatus") is None and status.get("phase") not in (None, "", "Pending", "Bound", "Lost"):
        errors.append(field_not_supported("status.phase", status["phase"], ["Bound", "Lost", "Pending"]))
    for name, text in sorted((status.get("capacity") or {}).items()):
        if quantity.parse(text) < 0:
            errors.append(field_invalid(f"status.capacity[{name}]", text, "must be greater than or equal to 0"))
    return errors
