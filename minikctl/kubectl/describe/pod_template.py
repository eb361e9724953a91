"""Pod templates: in the descriptions of workloads, and what `rollout history --revision` shows."""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.api.selectors import format_label_selector
from minikctl.kubectl.describe import metadata
from minikctl.kubectl.describe.containers import containers
from minikctl.kubectl.describe.volumes import volumes
from minikctl.kubectl.describe.writer import Writer


def pod_template(template: Obj | None, w: Writer) -> None:
    w.line(0, "Pod Template:")
    if template is None:
        w.write(1, "<unset>")
        return
    meta, spec = template.get("metadata") or {}, template.get("spec") or {}
    metadata.labels(w, "  Labels", meta.get("labels"))
    if meta.get("annotations"):
        metadata.annotation_lines(w, "  Annotations", meta["annotations"])
    if spec.get("serviceAccountName"):
        w.field(1, "Service Account", spec["serviceAccountName"])
    if spec.get("initContainers"):
        containers("Init Containers", spec["initContainers"], w, "  ")
    containers("Containers", spec.get("containers"), w, "  ")
    volumes(spec.get("volumes"), w, "  ")
    topology_spread(spec.get("topologySpreadConstraints"), w, "  ")
    if spec.get("priorityClassName"):
        w.field(1, "Priority Class Name", spec["priorityClassName"])
    metadata.labels(w, "  Node-Selectors", spec.get("nodeSelector"))
    metadata.tolerations(w, "  Tolerations", spec.get("tolerations"))


def topology_spread(constraints: list[Obj] | None, w: Writer, space: str = "") -> None:
    if not constraints:
        return
    lines = []
    for constraint in sorted(constraints, key=lambda c: c.get("topologyKey", "")):
        line = f"{constraint.get('topologyKey', '')}:{constraint.get('whenUnsatisfiable', '')}"
        line += f" when max skew {constraint.get('maxSkew', 0)} is exceeded"
        if constraint.get("labelSelector") is not None:
            line += f" for selector {format_label_selector(constraint['labelSelector'])}"
        lines.append(line)
    metadata.multiline(w, "Topology Spread Constraints", lines, space)
