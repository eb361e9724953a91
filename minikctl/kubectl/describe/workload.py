"""What the descriptions of workloads share: how their pods fare, their conditions, their template's volume claims."""

from __future__ import annotations

from minikctl.api.meta import Obj, controller_of
from minikctl.client import Client
from minikctl.kubectl.describe import metadata
from minikctl.kubectl.describe.values import go, storage_class
from minikctl.kubectl.describe.writer import Writer

_PHASES = ("Running", "Pending", "Succeeded", "Failed")


def pod_counts(client: Client, owner: Obj, selector: str) -> str:
    """`2 Running / 0 Waiting / 0 Succeeded / 0 Failed`, of the pods that the owner controls. Raises ApiError."""
    uid = owner["metadata"].get("uid")
    pods = client.list("pods", owner["metadata"].get("namespace", ""), label_selector=selector)["items"]
    phases = [
        (p.get("status") or {}).get("phase")
        for p in pods
        if (ref := controller_of(p)) is not None and ref["uid"] == uid
    ]
    running, waiting, succeeded, failed = (phases.count(p) for p in _PHASES)
    return f"{running} Running / {waiting} Waiting / {succeeded} Succeeded / {failed} Failed"


def conditions(obj: Obj, w: Writer) -> None:
    """Type, status and reason of each condition."""
    found = (obj.get("status") or {}).get("conditions") or []
    if not found:
        return
    w.line(0, "Conditions:")
    w.line(1, "Type\tStatus\tReason")
    w.line(1, "----\t------\t------")
    for condition in found:
        w.line(1, f"{condition.get('type', '')} \t{condition.get('status', '')}\t{condition.get('reason', '')}")


def claim_templates(templates: list[Obj] | None, w: Writer) -> None:
    if not templates:
        w.field(0, "Volume Claims", "<none>")
        return
    w.line(0, "Volume Claims:")
    for claim in templates:
        meta, spec = claim.get("metadata") or {}, claim.get("spec") or {}
        w.field(1, "Name", meta.get("name", ""))
        w.field(1, "StorageClass", storage_class(claim))
        metadata.labels(w, "Labels", meta.get("labels"), "  ")
        metadata.labels(w, "Annotations", meta.get("annotations"), "  ")
        requests = (spec.get("resources") or {}).get("requests") or {}
        w.field(1, "Capacity", requests.get("storage", "<default>"))
        w.field(1, "Access Modes", go(spec.get("accessModes") or []))
