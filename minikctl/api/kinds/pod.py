"""Pod."""

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj


def _selectable(pod: Obj) -> dict[str, str]:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    return {
        "spec.nodeName": spec.get("nodeName") or "",
        "spec.restartPolicy": spec.get("restartPolicy") or "",
        "spec.schedulerName": spec.get("schedulerName") or "",
        "spec.serviceAccountName": spec.get("serviceAccountName") or "",
        "spec.hostNetwork": str(bool(spec.get("hostNetwork"))).lower(),
        "status.phase": status.get("phase") or "",
        "status.podIP": status.get("podIP") or "",
        "status.nominatedNodeName": status.get("nominatedNodeName") or "",
    }


KIND = Kind(
    group="",
    version="v1",
    kind="Pod",
    plural="pods",
    type="core/v1.Pod",
    short_names=("po",),
    categories=("all",),
    subresources=(
        "status",
        "log",
        "exec",
        "attach",
        "portforward",
        "proxy",
        "binding",
        "eviction",
        "ephemeralcontainers",
        "resize",
    ),
    has_generation=True,
    graceful=True,
    selectable_fields=_selectable,
)
