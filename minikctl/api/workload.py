"""What the kinds that hold a pod template have in common: columns, counters, the selector's text."""

from __future__ import annotations

from minikctl.api.kind import Column
from minikctl.api.meta import Obj

CONTAINERS = Column("Containers", priority=1, description="Names of each container in the template.")
IMAGES = Column("Images", priority=1, description="Images referenced by each container in the template.")
SELECTOR = Column("Selector", priority=1, description="Labels of the pods that belong to it.")


def container_cells(template: Obj | None) -> list[str]:
    """The names and the images of a template's containers, each in one cell."""
    containers = ((template or {}).get("spec") or {}).get("containers") or []
    return [",".join(c.get(field) or "" for c in containers) for field in ("name", "image")]


def template_cells(spec: Obj) -> list[str]:
    """CONTAINERS, IMAGES and SELECTOR of a workload's spec."""
    from minikctl.api.selectors import format_label_selector

    return [*container_cells(spec.get("template")), format_label_selector(spec.get("selector"))]


def format_labels(labels: dict[str, str] | None) -> str:
    """A plain map as kubectl prints it: `a=1,b=2`, `<none>`."""
    return ",".join(f"{k}={v}" for k, v in sorted((labels or {}).items())) or "<none>"


def count(obj: Obj, field: str) -> int:
    """A number in the status; missing is zero."""
    return int((obj.get("status") or {}).get(field) or 0)


def default_replicas(spec: Obj) -> None:
    if spec.get("replicas") is None:
        spec["replicas"] = 1


def template_warnings(obj: Obj) -> list[str]:
    """Warnings about spec.template, and about a name that pods will bear."""
    from minikctl.api import pod_warnings

    return pod_warnings.of_workload(obj)
