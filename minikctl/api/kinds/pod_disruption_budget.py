"""PodDisruptionBudget: how many pods of a set evictions must leave standing."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError, field_invalid, field_not_supported
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj

EVICTION_POLICIES = ["AlwaysAllow", "IfHealthyBudget"]


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import label_selector
    from minikctl.api.validation.common import at_most_100_percent, int_or_percent

    spec = obj.get("spec") or {}
    errors: list[FieldError] = []
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        errors.append(field_invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"))
    for field in ("minAvailable", "maxUnavailable"):
        value = spec.get(field)
        if value is not None:
            errors += int_or_percent(value, f"spec.{field}")
            errors += at_most_100_percent(value, f"spec.{field}")
    errors += label_selector.validate(spec.get("selector"), "spec.selector")
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in EVICTION_POLICIES:
        errors.append(field_not_supported("spec.unhealthyPodEvictionPolicy", policy, EVICTION_POLICIES))
    return errors


def validate_status_update(obj: Obj, _old: Obj) -> list[FieldError]:
    from minikctl.api.validation.common import all_nonnegative

    fields = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
    return all_nonnegative(obj.get("status") or {}, fields, "status")


def row(obj: Obj, now: datetime) -> list[Cell]:
    spec, meta = obj.get("spec") or {}, obj["metadata"]
    bounds = [str(spec[f]) if spec.get(f) is not None else "N/A" for f in ("minAvailable", "maxUnavailable")]
    allowed = (obj.get("status") or {}).get("disruptionsAllowed", 0)
    return [meta["name"], *bounds, allowed, since(meta.get("creationTimestamp"), now)]


KIND = Kind(
    group="policy",
    version="v1",
    kind="PodDisruptionBudget",
    plural="poddisruptionbudgets",
    type="policy/v1.PodDisruptionBudget",
    short_names=("pdb",),
    subresources=("status",),
    has_generation=True,
    validate=validate,
    validate_status_update=validate_status_update,
    columns=(
        NAME,
        Column("Min Available"),
        Column("Max Unavailable"),
        Column("Allowed Disruptions", "integer"),
        AGE,
    ),
    row=row,
)
