"""Limits and quotas as tables: for themselves and in the description of their namespace."""

from __future__ import annotations

from minikctl.api import quantity
from minikctl.api.meta import Obj
from minikctl.kubectl.describe.writer import Writer

LIMITS_HEAD = "Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio"
LIMITS_LINE = "----\t--------\t---\t---\t---------------\t-------------\t-----------------------"
_LIMIT_FIELDS = ("min", "max", "defaultRequest", "default", "maxLimitRequestRatio")
_SCOPES = {
    "Terminating": "Matches all pods that have an active deadline. These pods have a limited lifespan on a node before "
    "being actively terminated by the system.",
    "NotTerminating": "Matches all pods that do not have an active deadline. These pods usually include long running "
    "pods whose container command is not expected to terminate.",
    "BestEffort": "Matches all pods that do not have resource requirements set. These pods have a best effort quality "
    "of service.",
    "NotBestEffort": "Matches all pods that have at least one resource requirement set. These pods have a burstable or "
    "guaranteed quality of service.",
}


def limits(limit_range: Obj, w: Writer, prefix: str = "") -> None:
    """One row for each type and resource; `-` where nothing is set."""
    for item in (limit_range.get("spec") or {}).get("limits") or []:
        columns = [item.get(f) or {} for f in _LIMIT_FIELDS]
        for name in sorted(set().union(*columns)):
            cells = [str(column.get(name, "-")) for column in columns]
            w.line(0, "\t".join([f"{prefix}{item.get('type', '')}", name, *cells]))


def quota_scopes(quota: Obj, w: Writer, level: int, bullet: str) -> None:
    """The scopes with what each means."""
    scopes = sorted((quota.get("spec") or {}).get("scopes") or [])
    if not scopes:
        return
    w.field(level, "Scopes", ", ".join(scopes))
    for scope in scopes:
        if scope in _SCOPES:
            w.line(level, f"{bullet}{_SCOPES[scope]}")


def quota_rows(quota: Obj) -> list[list[str]]:
    """Resource, used, hard."""
    status = quota.get("status") or {}
    hard, used = status.get("hard") or {}, status.get("used") or {}
    return [[name, str(used.get(name, "0")), str(amount)] for name, amount in sorted(hard.items())]


def in_style_of(amount: str, model: str) -> str:
    """`amount` in whole units where its suffixes are of another family (binary, decimal) than the model's."""
    if ("i" in amount) == ("i" in model) or amount == "0":
        return amount
    whole = quantity.value(amount)
    return quantity.from_bytes(whole) if "i" in model else quantity.canonical(str(whole))
