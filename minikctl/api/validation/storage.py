"""Which objects of storage.k8s.io are valid. Source: Kubernetes `pkg/apis/storage/validation`."""

from __future__ import annotations

from minikctl.api import quantity
from minikctl.api.errors import (
    field_duplicate,
    field_forbidden,
    field_invalid,
    field_not_supported,
    field_required,
    field_too_long,
)
from minikctl.api.meta import Obj
from minikctl.api.names import dns_subdomain, qualified_name
from minikctl.api.validation import label_selector
from minikctl.api.validation.common import Errors, all_invalid, immutable

BINDING_MODES = ["Immediate", "WaitForFirstConsumer"]
RECLAIM_POLICIES = ["Delete", "Retain"]
LIFECYCLE_MODES = ["Ephemeral", "Persistent"]
GROUP_POLICIES = ["File", "None", "ReadWriteOnceWithFSType"]
MAX_PARAMETERS, MAX_PARAMETER_BYTES = 512, 256 * 1024
MAX_NODE_ID, MAX_DRIVER = 192, 63


def driver_name(name: str, path: str) -> Errors:
    """The name of a CSI driver: at most 63 bytes, a domain name in any case."""
    if not name:
        return [field_required(path)]
    errors: Errors = [field_too_long(path, MAX_DRIVER)] if len(name) > MAX_DRIVER else []
    return errors + [field_invalid(path, name, m) for m in dns_subdomain(name.lower())]


def _parameters(values: Obj | None, path: str = "parameters", *, needed: bool = False) -> Errors:
    errors: Errors = []
    given = values or {}
    if needed and not given:
        errors.append(field_required(path, "must contain at least one key/value pair"))
    if len(given) > MAX_PARAMETERS:
        errors.append(field_too_long(path, MAX_PARAMETERS))
        return errors
    for key in given:
        if not key:
            errors.append(field_invalid(path, key, "field can not be empty."))
    if sum(len(k) + len(v) for k, v in given.items()) > MAX_PARAMETER_BYTES:
        errors.append(field_too_long(path, MAX_PARAMETER_BYTES))
    return errors


# ---------------------------------------------------------------------- StorageClass


def validate_class(obj: Obj) -> Errors:
    provisioner, policy, mode = obj.get("provisioner", ""), obj.get("reclaimPolicy"), obj.get("volumeBindingMode")
    errors: Errors = []
    if not provisioner:
        errors.append(field_required("provisioner"))
    else:
        errors += [field_invalid("provisioner", provisioner, m) for m in qualified_name(provisioner.lower())]
    errors += _parameters(obj.get("parameters"))
    if policy and policy not in RECLAIM_POLICIES:
        errors.append(field_not_supported("reclaimPolicy", policy, RECLAIM_POLICIES))
    if mode is None:
        errors.append(field_required("volumeBindingMode"))
    elif mode not in BINDING_MODES:
        errors.append(field_not_supported("volumeBindingMode", mode, BINDING_MODES))
    return errors


def validate_class_update(obj: Obj, old: Obj) -> Errors:
    errors: Errors = [
        field_forbidden(field, f"updates to {field} are forbidden.")
        for field in ("parameters", "provisioner", "reclaimPolicy")
        if (obj.get(field) or None) != (old.get(field) or None)
    ]
    return errors + immutable(obj.get("volumeBindingMode"), old.get("volumeBindingMode"), "volumeBindingMode")


# ---------------------------------------------------------------------- VolumeAttachment


def validate_attachment(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    errors = driver_name(spec.get("attacher", ""), "spec.attacher")
    source = spec.get("source") or {}
    given = [f for f in ("inlineVolumeSpec", "persistentVolumeName") if source.get(f) is not None]
    if not given:
        errors.append(
            field_required("spec.source", "must specify exactly one of inlineVolumeSpec and persistentVolumeName")
        )
    elif len(given) == 2:
        errors.append(
            field_forbidden("spec.source", "must specify exactly one of inlineVolumeSpec and persistentVolumeName")
        )
    elif source.get("persistentVolumeName") == "":
        errors.append(field_required("spec.source.persistentVolumeName", "must specify non empty persistentVolumeName"))
    node = spec.get("nodeName", "")
    return errors + [field_invalid("spec.nodeName", node, m) for m in dns_subdomain(node)]


def validate_attachment_update(obj: Obj, old: Obj) -> Errors:
    now, before = obj.get("spec") or {}, old.get("spec") or {}
    return [] if now == before else [field_invalid("spec", now, "field is immutable")]


# ---------------------------------------------------------------------- CSI


def validate_driver(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    errors = driver_name(obj["metadata"].get("name", ""), "metadata.name")
    errors += [
        field_required(f"spec.{field}")
        for field in ("attachRequired", "podInfoOnMount", "storageCapacity")
        if spec.get(field) is None
    ]
    policy = spec.get("fsGroupPolicy")
    if policy is not None and policy not in GROUP_POLICIES:
        errors.append(field_not_supported("spec.fsGroupPolicy", policy, GROUP_POLICIES))
    seen: set[str] = set()
    for i, request in enumerate(spec.get("tokenRequests") or []):
        audience, seconds, at = (
            request.get("audience", ""),
            request.get("expirationSeconds"),
            f"spec.tokenRequests[{i}]",
        )
        if audience in seen:
            errors.append(field_duplicate(f"{at}.audience", audience))
        seen.add(audience)
        if seconds is not None and seconds < 600:
            why = "may not specify a duration less than 10 minutes"
            errors.append(field_invalid(f"{at}.expirationSeconds", seconds, why))
    for mode in spec.get("volumeLifecycleModes") or []:
        if mode not in LIFECYCLE_MODES:
            errors.append(field_not_supported("spec.volumeLifecycleModes", mode, LIFECYCLE_MODES))
    return errors


def validate_driver_update(obj: Obj, old: Obj) -> Errors:
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    fixed = ("attachRequired", "volumeLifecycleModes")
    return [e for field in fixed for e in immutable(spec.get(field), before.get(field), f"spec.{field}")]


def validate_node(obj: Obj) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for i, driver in enumerate((obj.get("spec") or {}).get("drivers") or []):
        at, name, node_id = f"spec.drivers[{i}]", driver.get("name", ""), driver.get("nodeID", "")
        errors += driver_name(name, f"{at}.name")
        if not node_id:
            errors.append(field_required(f"{at}.nodeID"))
        elif len(node_id) > MAX_NODE_ID:
            errors.append(field_invalid(f"{at}.nodeID", node_id, f"nodeID must be {MAX_NODE_ID} characters or less"))
        count = (driver.get("allocatable") or {}).get("count")
        if count is not None and count < 0:
            why = "must be greater than or equal to 0"
            errors.append(field_invalid(f"{at}.allocatable.count", count, why))
        keys = driver.get("topologyKeys") or []
        for key in keys:
            errors += all_invalid(qualified_name, key, f"{at}.topologyKeys")
        if len(set(keys)) < len(keys):
            errors.append(field_duplicate(f"{at}.topologyKeys", next(k for k in keys if keys.count(k) > 1)))
        if name in seen:
            errors.append(field_duplicate(f"{at}.name", name))
        seen.add(name)
    return errors


def validate_capacity(obj: Obj) -> Errors:
    errors: Errors = [
        field_invalid("storageClassName", n, m) for n in [obj.get("storageClassName", "")] for m in dns_subdomain(n)
    ]
    errors += label_selector.validate(obj.get("nodeTopology"), "nodeTopology")
    for field in ("capacity", "maximumVolumeSize"):
        text = obj.get(field)
        if text is not None and quantity.parse(text) < 0:
            errors.append(field_invalid(field, text, "must be greater than or equal to 0"))
    return errors


def validate_capacity_update(obj: Obj, old: Obj) -> Errors:
    fixed = ("nodeTopology", "storageClassName")
    return [e for field in fixed for e in immutable(obj.get(field), old.get(field), field)]


def validate_attributes_class(obj: Obj) -> Errors:
    errors = driver_name(obj.get("driverName", ""), "driverName")
    return errors + _parameters(obj.get("parameters"), needed=True)


def validate_attributes_class_update(obj: Obj, old: Obj) -> Errors:
    errors: Errors = []
    if obj.get("driverName") != old.get("driverName"):
        errors.append(field_forbidden("driverName", "updates to driverName are forbidden."))
    if (obj.get("parameters") or {}) != (old.get("parameters") or {}):
        errors.append(field_forbidden("parameters", "updates to parameters are forbidden."))
    return errors
