"""ResourceQuota: how much all objects of a namespace may use together."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import quota

    return quota.validate_quota(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import quota

    return quota.validate_quota_update(obj, old)


def validate_status_update(obj: Obj, _old: Obj) -> list[FieldError]:
    from minikctl.api.validation import quota

    return quota.validate_quota_status(obj)


def row(obj: Obj, now: datetime) -> list[Cell]:
    status, meta = obj.get("status") or {}, obj["metadata"]
    hard, used = status.get("hard") or {}, status.get("used") or {}
    shown: dict[bool, list[str]] = {False: [], True: []}
    for name in sorted(hard):
        shown[name.startswith("limits.")].append(f"{name}: {used.get(name, '0')}/{hard[name]}")
    return [meta["name"], ", ".join(shown[False]), ", ".join(shown[True]), since(meta.get("creationTimestamp"), now)]


KIND = Kind(
    group="",
    version="v1",
    kind="ResourceQuota",
    plural="resourcequotas",
    type="core/v1.ResourceQuota",
    short_names=("quota",),
    subresources=("status",),
    validate=validate,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
    columns=(NAME, Column("Request"), Column("Limit"), AGE),
    row=row,
)
