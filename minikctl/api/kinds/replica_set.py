"""ReplicaSet: a number of equal pods. Source: Kubernetes `pkg/registry/apps/replicaset/strategy.go`."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind, ScalePaths
from minikctl.api.meta import Obj
from minikctl.api.workload import (
    CONTAINERS,
    IMAGES,
    SELECTOR,
    count,
    default_replicas,
    template_cells,
    template_warnings,
)


def default(obj: Obj) -> None:
    from minikctl.api.pod_defaults import default_template

    spec = obj["spec"] = obj.get("spec") or {}
    default_template(spec.setdefault("template", {}))
    default_replicas(spec)


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import workloads

    return workloads.replica_set(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import workloads

    return workloads.replica_set(obj) + workloads.same_selector(obj, old)


def validate_status_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import workloads

    return workloads.replica_set_status(obj, old)


def row(obj: Obj, now: datetime) -> list[Cell]:
    spec = obj.get("spec") or {}
    return [
        obj["metadata"]["name"],
        int(spec.get("replicas") or 0),
        count(obj, "replicas"),
        count(obj, "readyReplicas"),
        since(obj["metadata"].get("creationTimestamp"), now),
        *template_cells(spec),
    ]


KIND = Kind(
    group="apps",
    version="v1",
    kind="ReplicaSet",
    plural="replicasets",
    type="apps/v1.ReplicaSet",
    short_names=("rs",),
    categories=("all",),
    subresources=("status", "scale"),
    scale=ScalePaths(),
    has_generation=True,
    default=default,
    validate=validate,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
    warnings=template_warnings,
    selectable_fields=lambda obj: {"status.replicas": str(count(obj, "replicas"))},
    columns=(
        NAME,
        Column("Desired", "integer", description="Pods wanted."),
        Column("Current", "integer", description="Pods there are."),
        Column("Ready", "integer", description="Pods that are ready."),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ),
    row=row,
)
