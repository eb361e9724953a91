"""Deployment: a number of equal pods, and how to get from one version of them to the next.

Source: Kubernetes `pkg/registry/apps/deployment/strategy.go`, `pkg/apis/apps/v1/defaults.go`.
"""

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
    strategy = spec["strategy"] = spec.get("strategy") or {}
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
    if strategy["type"] == "RollingUpdate":
        rolling = strategy["rollingUpdate"] = strategy.get("rollingUpdate") or {}
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import workloads

    return workloads.deployment(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import workloads

    return workloads.deployment(obj) + workloads.same_selector(obj, old)


def validate_status_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import workloads

    return workloads.deployment_status(obj, old)


def row(obj: Obj, now: datetime) -> list[Cell]:
    spec = obj.get("spec") or {}
    return [
        obj["metadata"]["name"],
        f"{count(obj, 'readyReplicas')}/{spec.get('replicas', 0)}",
        count(obj, "updatedReplicas"),
        count(obj, "availableReplicas"),
        since(obj["metadata"].get("creationTimestamp"), now),
        *template_cells(spec),
    ]


KIND = Kind(
    group="apps",
    version="v1",
    kind="Deployment",
    plural="deployments",
    type="apps/v1.Deployment",
    short_names=("deploy",),
    categories=("all",),
    subresources=("status", "scale"),
    scale=ScalePaths(),
    has_generation=True,
    default=default,
    validate=validate,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
    warnings=template_warnings,
    columns=(
        NAME,
        Column("Ready", description="Ready pods of those desired."),
        Column("Up-to-date", description="Pods that have the desired template."),
        Column("Available", description="Pods that have been ready for minReadySeconds."),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ),
    row=row,
)
