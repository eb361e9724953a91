"""DaemonSet: one pod on every node that it fits. Source: Kubernetes `pkg/registry/apps/daemonset/strategy.go`."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj, annotations_of
from minikctl.api.workload import (
    CONTAINERS,
    IMAGES,
    SELECTOR,
    count,
    format_labels,
    template_cells,
    template_warnings,
)

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


def default(obj: Obj) -> None:
    from minikctl.api.pod_defaults import default_template

    spec = obj["spec"] = obj.get("spec") or {}
    default_template(spec.setdefault("template", {}))
    strategy = spec["updateStrategy"] = spec.get("updateStrategy") or {}
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
    if strategy["type"] == "RollingUpdate":
        rolling = strategy["rollingUpdate"] = strategy.get("rollingUpdate") or {}
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    spec.setdefault("revisionHistoryLimit", 10)


def _count_template(obj: Obj, generation: int) -> None:
    """The annotation that is left of a field of older APIs."""
    annotations = {**annotations_of(obj), TEMPLATE_GENERATION: str(generation)}
    obj["metadata"]["annotations"] = dict(sorted(annotations.items()))


def prepare_for_create(obj: Obj) -> None:
    _count_template(obj, 1)


def prepare_for_update(obj: Obj, old: Obj) -> None:
    text = annotations_of(old).get(TEMPLATE_GENERATION, "")
    before = int(text) if text.isdigit() else 0
    changed = obj["spec"].get("template") != old["spec"].get("template")
    _count_template(obj, before + changed)


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import daemon_set

    return daemon_set.validate(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import daemon_set, workloads

    return daemon_set.validate(obj) + workloads.same_selector(obj, old)


def validate_status_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import daemon_set

    return daemon_set.validate_status(obj, old)


def row(obj: Obj, now: datetime) -> list[Cell]:
    spec = obj.get("spec") or {}
    pod = (spec.get("template") or {}).get("spec") or {}
    return [
        obj["metadata"]["name"],
        count(obj, "desiredNumberScheduled"),
        count(obj, "currentNumberScheduled"),
        count(obj, "numberReady"),
        count(obj, "updatedNumberScheduled"),
        count(obj, "numberAvailable"),
        format_labels(pod.get("nodeSelector")),
        since(obj["metadata"].get("creationTimestamp"), now),
        *template_cells(spec),
    ]


KIND = Kind(
    group="apps",
    version="v1",
    kind="DaemonSet",
    plural="daemonsets",
    type="apps/v1.DaemonSet",
    short_names=("ds",),
    categories=("all",),
    subresources=("status",),
    has_generation=True,
    default=default,
    prepare_for_create=prepare_for_create,
    prepare_for_update=prepare_for_update,
    validate=validate,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
    warnings=template_warnings,
    columns=(
        NAME,
        Column("Desired", "integer", description="Nodes that should run its pod."),
        Column("Current", "integer", description="Nodes that run its pod and should."),
        Column("Ready", "integer", description="Nodes where its pod is ready."),
        Column("Up-to-date", "integer", description="Nodes whose pod has the desired template."),
        Column("Available", "integer", description="Nodes whose pod has been ready for minReadySeconds."),
        Column("Node Selector", description="Which nodes it is for."),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ),
    row=row,
)
