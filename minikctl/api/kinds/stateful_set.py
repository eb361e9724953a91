"""StatefulSet: pods that keep their names and volumes. Source: Kubernetes `pkg/registry/apps/statefulset/strategy.go`."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind, ScalePaths
from minikctl.api.meta import Obj
from minikctl.api.names import dns_label
from minikctl.api.workload import CONTAINERS, IMAGES, container_cells, count, default_replicas


def default(obj: Obj) -> None:
    from minikctl.api.pod_defaults import default_template

    spec = obj["spec"] = obj.get("spec") or {}
    default_template(spec.setdefault("template", {}))
    for claim in spec.get("volumeClaimTemplates") or []:
        claim.update(kind="PersistentVolumeClaim", apiVersion="v1")
        claim.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
        claim["status"] = {**(claim.get("status") or {}), "phase": "Pending"}
    if not spec.get("podManagementPolicy"):
        spec["podManagementPolicy"] = "OrderedReady"
    strategy = spec["updateStrategy"] = spec.get("updateStrategy") or {}
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        strategy.setdefault("rollingUpdate", {})
    if strategy["type"] == "RollingUpdate" and strategy.get("rollingUpdate") is not None:
        strategy["rollingUpdate"].setdefault("partition", 0)
    retention = spec["persistentVolumeClaimRetentionPolicy"] = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    for field in ("whenDeleted", "whenScaled"):
        retention[field] = retention.get(field) or "Retain"
    default_replicas(spec)
    spec.setdefault("revisionHistoryLimit", 10)


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import stateful_set

    return stateful_set.validate(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import stateful_set

    return stateful_set.validate_update(obj, old)


def validate_status_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import stateful_set

    return stateful_set.validate_status(obj, old)


def warnings(obj: Obj) -> list[str]:
    from minikctl.api import pod_warnings

    spec = obj.get("spec") or {}
    texts = pod_warnings.of_template(spec.get("template"), "spec.template")
    if int(spec.get("revisionHistoryLimit") or 0) < 0:
        texts.append(
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"
        )
    return texts


def row(obj: Obj, now: datetime) -> list[Cell]:
    spec = obj.get("spec") or {}
    return [
        obj["metadata"]["name"],
        f"{count(obj, 'readyReplicas')}/{spec.get('replicas', 0)}",
        since(obj["metadata"].get("creationTimestamp"), now),
        *container_cells(spec.get("template")),
    ]


KIND = Kind(
    group="apps",
    version="v1",
    kind="StatefulSet",
    plural="statefulsets",
    type="apps/v1.StatefulSet",
    short_names=("sts",),
    categories=("all",),
    subresources=("status", "scale"),
    scale=ScalePaths(),
    has_generation=True,
    default=default,
    validate_name=dns_label,
    validate=validate,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
    warnings=warnings,
    columns=(NAME, Column("Ready", description="Ready pods of those desired."), AGE, CONTAINERS, IMAGES),
    row=row,
)
