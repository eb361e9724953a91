"""PriorityClass: a name for how important pods are. Source: Kubernetes concept "Pod priority and preemption"."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError, field_forbidden, field_invalid, field_not_supported
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj

SYSTEM = {"system-node-critical": 2000001000, "system-cluster-critical": 2000000000}
"""The classes that every cluster has. Their prefix and the values above HIGHEST are reserved for them."""
HIGHEST = 1000000000
ALWAYS = "PreemptLowerPriority"


def default(obj: Obj) -> None:
    obj.setdefault("preemptionPolicy", ALWAYS)


def _system_problem(name: str, value: int, is_default: bool) -> str:
    if name not in SYSTEM:
        return f"{name} is not a known system priority class"
    if value != SYSTEM[name]:
        return f"value of {name} PriorityClass must be {SYSTEM[name]}"
    return f"globalDefault of {name} PriorityClass must be false" if is_default else ""


def validate(obj: Obj) -> list[FieldError]:
    name, value = obj["metadata"].get("name", ""), obj.get("value", 0)
    errors = []
    if name.startswith("system-"):
        problem = _system_problem(name, value, bool(obj.get("globalDefault")))
        if problem:
            why = "priority class names with 'system-' prefix are reserved for system use only. error: "
            errors.append(field_forbidden("metadata.name", why + problem))
    elif value > HIGHEST:
        why = f"maximum allowed value of a user defined priority is {HIGHEST}"
        errors.append(field_forbidden("value", why))
    policy = obj.get("preemptionPolicy")
    if policy is not None and policy not in (ALWAYS, "Never"):
        errors.append(field_not_supported("preemptionPolicy", policy, ["Never", ALWAYS]))
    return errors


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    errors = []
    if obj.get("value", 0) != old.get("value", 0):
        errors.append(field_forbidden("value", "may not be changed in an update."))
    if obj.get("preemptionPolicy") != old.get("preemptionPolicy"):
        errors.append(field_invalid("preemptionPolicy", obj.get("preemptionPolicy"), "field is immutable"))
    return errors


def row(obj: Obj, now: datetime) -> list[Cell]:
    meta = obj["metadata"]
    age, policy = since(meta.get("creationTimestamp"), now), obj.get("preemptionPolicy", "")
    return [meta["name"], obj.get("value", 0), bool(obj.get("globalDefault")), age, policy]


KIND = Kind(
    group="scheduling.k8s.io",
    version="v1",
    kind="PriorityClass",
    plural="priorityclasses",
    type="scheduling/v1.PriorityClass",
    namespaced=False,
    short_names=("pc",),
    has_generation=True,
    default=default,
    validate=validate,
    validate_update=validate_update,
    columns=(
        NAME,
        Column("Value", "integer"),
        Column("Global-Default", "boolean"),
        AGE,
        Column("PreemptionPolicy"),
    ),
    row=row,
)
