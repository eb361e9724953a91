"""PodMetrics: what a pod's containers use at the moment. Made when it is asked for, and never stored."""

from datetime import datetime

from minikctl.api import quantity
from minikctl.api.kind import NAME, Cell, Column, Kind
from minikctl.api.meta import Obj


def row(obj: Obj, _now: datetime) -> list[Cell]:
    usages = [c.get("usage") or {} for c in obj.get("containers") or []]
    total = {r: sum(quantity.parse(u.get(r) or "0") for u in usages) for r in ("cpu", "memory")}
    cpu, memory = quantity.format_nano(total["cpu"]), quantity.format_nano(total["memory"], "binary")
    return [obj["metadata"]["name"], cpu, memory, obj.get("window") or ""]


KIND = Kind(
    group="metrics.k8s.io",
    version="v1beta1",
    kind="PodMetrics",
    plural="pods",
    type="metrics/v1beta1.PodMetrics",
    verbs=("get", "list"),
    is_computed=True,
    is_shown_slowly=True,
    tracks_fields=False,
    columns=(
        NAME,
        Column("CPU", description="Of all its containers."),
        Column("Memory", description="Of all its containers."),
        Column("Window", description="How long the time was that the CPU is an average of."),
    ),
    row=row,
)
