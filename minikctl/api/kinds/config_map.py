"""ConfigMap: settings that are not secret, as text or bytes."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError, field_forbidden, field_invalid, field_too_long
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj
from minikctl.api.names import config_key

MAX_BYTES = 1024 * 1024


def validate(obj: Obj) -> list[FieldError]:
    errors: list[FieldError] = []
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    for key in sorted(data):
        errors += [field_invalid(f"data[{key}]", key, m) for m in config_key(key)]
        if key in binary:
            errors.append(field_invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
    for key in sorted(binary):
        errors += [field_invalid(f"binaryData[{key}]", key, m) for m in config_key(key)]
    size = sum(len(v.encode()) for v in data.values()) + sum(len(v or "") * 3 // 4 for v in binary.values())
    if size > MAX_BYTES:
        errors.append(field_too_long("", MAX_BYTES))
    return errors


def frozen_errors(obj: Obj, old: Obj, *parts: str) -> list[FieldError]:
    """A ConfigMap or Secret marked immutable stays as it is, and stays marked."""
    if not old.get("immutable"):
        return []
    why = "field is immutable when `immutable` is set"
    changed = [p for p in parts if (obj.get(p) or {}) != (old.get(p) or {})]
    return [field_forbidden(field, why) for field in ([] if obj.get("immutable") else ["immutable"]) + changed]


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    return frozen_errors(obj, old, "data", "binaryData")


def row(obj: Obj, now: datetime) -> list[Cell]:
    count = len(obj.get("data") or {}) + len(obj.get("binaryData") or {})
    return [obj["metadata"]["name"], count, since(obj["metadata"].get("creationTimestamp"), now)]


KIND = Kind(
    group="",
    version="v1",
    kind="ConfigMap",
    plural="configmaps",
    type="core/v1.ConfigMap",
    short_names=("cm",),
    validate=validate,
    validate_update=validate_update,
    columns=(NAME, Column("Data", "string"), AGE),
    row=row,
)
