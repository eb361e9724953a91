"""NodeMetrics: what the containers of a node use at the moment. Made when it is asked for, and never stored."""

from datetime import datetime

from minikctl.api.kind import NAME, Cell, Column, Kind
from minikctl.api.meta import Obj


def row(obj: Obj, _now: datetime) -> list[Cell]:
    usage = obj.get("usage") or {}
    return [obj["metadata"]["name"], usage.get("cpu") or "0", usage.get("memory") or "0", obj.get("window") or ""]


KIND = Kind(
    group="metrics.k8s.io",
    version="v1beta1",
    kind="NodeMetrics",
    plural="nodes",
    type="metrics/v1beta1.NodeMetrics",
    namespaced=False,
    verbs=("get", "list"),
    is_computed=True,
    is_shown_slowly=True,
    tracks_fields=False,
    columns=(
        NAME,
        Column("CPU", description="Of all containers on it."),
        Column("Memory", description="Of all containers on it."),
        Column("Window", description="How long the time was that the CPU is an average of."),
    ),
    row=row,
)
