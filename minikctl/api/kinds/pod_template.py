"""PodTemplate: a pod template that is stored by itself. Source: Kubernetes `pkg/registry/core/podtemplate`."""

from datetime import datetime

from minikctl.api.errors import FieldError
from minikctl.api.kind import NAME, Cell, Column, Kind
from minikctl.api.meta import Obj, labels_of
from minikctl.api.workload import container_cells, format_labels


def default(obj: Obj) -> None:
    from minikctl.api.pod_defaults import default_template

    default_template(obj.setdefault("template", {}))


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import pod_spec

    return pod_spec.template(obj.get("template") or {}, "template")


def warnings(obj: Obj) -> list[str]:
    from minikctl.api import pod_warnings

    return pod_warnings.of_template(obj.get("template"), "template")


def row(obj: Obj, _now: datetime) -> list[Cell]:
    template = obj.get("template") or {}
    return [obj["metadata"]["name"], *container_cells(template), format_labels(labels_of(template))]


KIND = Kind(
    group="",
    version="v1",
    kind="PodTemplate",
    plural="podtemplates",
    type="core/v1.PodTemplate",
    has_generation=True,
    default=default,
    validate=validate,
    warnings=warnings,
    columns=(
        NAME,
        Column("Containers", description="Names of each container in the template."),
        Column("Images", description="Images referenced by each container in the template."),
        Column("Pod Labels", description="The labels for the pod template."),
    ),
    row=row,
)
