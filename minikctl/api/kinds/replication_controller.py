"""ReplicationController: what ReplicaSets were once. Source: Kubernetes `pkg/registry/core/replicationcontroller`."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind, ScalePaths
from minikctl.api.meta import Obj, labels_of
from minikctl.api.workload import (
    CONTAINERS,
    IMAGES,
    SELECTOR,
    container_cells,
    count,
    default_replicas,
    format_labels,
    template_warnings,
)


def default(obj: Obj) -> None:
    """Selector and labels are the template's, when they are not given."""
    from minikctl.api.pod_defaults import default_template

    spec = obj["spec"] = obj.get("spec") or {}
    if spec.get("template") is not None:
        default_template(spec["template"])
        labels = labels_of(spec["template"])
        if labels and not spec.get("selector"):
            spec["selector"] = dict(labels)
        if labels and not labels_of(obj):
            obj["metadata"] = {**(obj.get("metadata") or {}), "labels": dict(labels)}
    default_replicas(spec)


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import workloads

    return workloads.replication_controller(obj)


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
        *container_cells(spec.get("template")),
        format_labels(spec.get("selector")),
    ]


KIND = Kind(
    group="",
    version="v1",
    kind="ReplicationController",
    plural="replicationcontrollers",
    type="core/v1.ReplicationController",
    short_names=("rc",),
    categories=("all",),
    subresources=("status", "scale"),
    scale=ScalePaths(),
    has_generation=True,
    default=default,
    validate=validate,
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
