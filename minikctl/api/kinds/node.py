"""Node: a machine that runs pods. Source: Kubernetes `pkg/registry/core/node/strategy.go`, `printNode`."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj, condition, labels_of

ROLE_PREFIX = "node-role.kubernetes.io/"
ROLE_LABEL = "kubernetes.io/role"
_UNKNOWN = "<unknown>"


def default(obj: Obj) -> None:
    """What a node can hold is all there is, when it does not say what it keeps for itself."""
    spec = obj["spec"] = obj.get("spec") or {}
    if spec.get("podCIDR") and not spec.get("podCIDRs"):
        spec["podCIDRs"] = [spec["podCIDR"]]
    elif spec.get("podCIDRs"):
        spec["podCIDR"] = spec["podCIDRs"][0]
    _default_status(obj)


def _default_status(obj: Obj) -> None:
    status = obj.get("status") or {}
    if status.get("capacity") and status.get("allocatable") is None:
        status["allocatable"] = dict(status["capacity"])


def prepare_status_update(obj: Obj, _old: Obj) -> None:
    _default_status(obj)


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import node

    return node.validate(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import node

    return node.validate_update(obj, old)


def validate_status_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import node

    return node.validate_status_update(obj, old)


def warnings(obj: Obj) -> list[str]:
    spec = obj.get("spec") or {}
    texts = []
    if spec.get("configSource") is not None:
        texts.append("spec.configSource: the feature is no longer supported")
    if spec.get("externalID"):
        texts.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
    return texts


def roles(obj: Obj) -> list[str]:
    """From labels: `node-role.kubernetes.io/<role>` and the older `kubernetes.io/role`."""
    found = {key.removeprefix(ROLE_PREFIX) for key in labels_of(obj) if key.startswith(ROLE_PREFIX)}
    return sorted((found | {labels_of(obj).get(ROLE_LABEL, "")}) - {""})


def status_word(obj: Obj) -> str:
    """Ready, NotReady or Unknown, with SchedulingDisabled on cordoned nodes."""
    ready = condition(obj, "Ready")
    word = "Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"
    return f"{word},SchedulingDisabled" if (obj.get("spec") or {}).get("unschedulable") else word


def address(obj: Obj, kind: str) -> str:
    """The first address of a type (InternalIP, ExternalIP, Hostname)."""
    addresses = (obj.get("status") or {}).get("addresses") or []
    return next((a.get("address") or "" for a in addresses if a.get("type") == kind), "<none>")


def row(obj: Obj, now: datetime) -> list[Cell]:
    info = (obj.get("status") or {}).get("nodeInfo") or {}
    return [
        obj["metadata"]["name"],
        status_word(obj),
        ",".join(roles(obj)) or "<none>",
        since(obj["metadata"].get("creationTimestamp"), now),
        info.get("kubeletVersion") or "",
        address(obj, "InternalIP"),
        address(obj, "ExternalIP"),
        info.get("osImage") or _UNKNOWN,
        info.get("kernelVersion") or _UNKNOWN,
        info.get("containerRuntimeVersion") or _UNKNOWN,
    ]


KIND = Kind(
    group="",
    version="v1",
    kind="Node",
    plural="nodes",
    type="core/v1.Node",
    namespaced=False,
    short_names=("no",),
    subresources=("status", "proxy"),
    keep_status_on_create=True,
    default=default,
    prepare_status_update=prepare_status_update,
    validate=validate,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
    warnings=warnings,
    selectable_fields=lambda o: {
        "spec.unschedulable": "true" if (o.get("spec") or {}).get("unschedulable") else "false"
    },
    columns=(
        NAME,
        Column("Status", description="Whether the node can run pods, and takes new ones."),
        Column("Roles", description="What its labels call it."),
        AGE,
        Column("Version", description="The kubelet's version."),
        Column("Internal-IP", priority=1, description="Its address inside the cluster."),
        Column("External-IP", priority=1, description="Its address outside."),
        Column("OS-Image", priority=1, description="The system that it runs."),
        Column("Kernel-Version", priority=1, description="The kernel that it runs."),
        Column("Container-Runtime", priority=1, description="What runs its containers."),
    ),
    row=row,
)
