"""Pod: containers that run together on one node.

Source: Kubernetes `pkg/registry/core/pod/strategy.go`; the STATUS column is `printPod` of `pkg/printers/internalversion`.
"""

from __future__ import annotations

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind, Part
from minikctl.api.meta import Obj, condition_is, is_deleting, labels_of

NONE = "<none>"
GATED = "SchedulingGated"
_NODE_LOST = "NodeLost"


# ---------------------------------------------------------------------- strategy


def default(obj: Obj) -> None:
    from minikctl.api.pod_defaults import default_pod

    default_pod(obj)


def prepare_for_create(obj: Obj) -> None:
    from minikctl.api.qos import qos_class

    obj["status"] = {"phase": "Pending", "qosClass": qos_class(obj)}
    if obj["spec"].get("schedulingGates"):
        gated = {
            "type": "PodScheduled",
            "status": "False",
            "lastProbeTime": None,
            "lastTransitionTime": None,
            "reason": GATED,
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }
        obj["status"] = {"phase": "Pending", "conditions": [gated], "qosClass": obj["status"]["qosClass"]}
    _fix_affinity_terms(obj)


def _fix_affinity_terms(obj: Obj) -> None:
    """matchLabelKeys mean the values that the pod itself has: they become expressions (KEP-3633, KEP-3243)."""
    spec, labels = obj["spec"], labels_of(obj)
    for constraint in spec.get("topologySpreadConstraints") or []:
        _add_expressions(constraint.get("labelSelector"), constraint.get("matchLabelKeys"), "In", labels)
    for kind in ("podAffinity", "podAntiAffinity"):
        affinity = (spec.get("affinity") or {}).get(kind) or {}
        terms = list(affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or [])
        preferred = affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or []
        terms += [w.get("podAffinityTerm") or {} for w in preferred]
        for term in terms:
            _add_expressions(term.get("labelSelector"), term.get("matchLabelKeys"), "In", labels)
            _add_expressions(term.get("labelSelector"), term.get("mismatchLabelKeys"), "NotIn", labels)


def _add_expressions(selector: Obj | None, keys: list[str] | None, operator: str, labels: dict[str, str]) -> None:
    if selector is None:
        return
    added = [{"key": k, "operator": operator, "values": [labels[k]]} for k in keys or [] if k in labels]
    if added:
        selector["matchExpressions"] = [*(selector.get("matchExpressions") or []), *added]


def prepare_status_update(obj: Obj, old: Obj) -> None:
    """podIP is the first of podIPs; the class never changes."""
    status = obj["status"]
    ips = status.get("podIPs") or []
    if status.get("podIP") and not ips:
        status["podIPs"] = [{"ip": status["podIP"]}]
    elif ips:
        status["podIP"] = ips[0].get("ip", "")
    quality = (old.get("status") or {}).get("qosClass")
    if quality:
        status["qosClass"] = quality


def selectable_fields(obj: Obj) -> dict[str, str]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    ips = status.get("podIPs") or []
    return {
        "spec.nodeName": spec.get("nodeName") or "",
        "spec.restartPolicy": spec.get("restartPolicy") or "",
        "spec.schedulerName": spec.get("schedulerName") or "",
        "spec.serviceAccountName": spec.get("serviceAccountName") or "",
        "spec.hostNetwork": "true" if spec.get("hostNetwork") else "false",
        "status.phase": status.get("phase") or "",
        "status.podIP": ips[0].get("ip", "") if ips else status.get("podIP") or "",
        "status.nominatedNodeName": status.get("nominatedNodeName") or "",
    }


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import pod

    is_new = not obj["metadata"].get("resourceVersion")
    return pod.validate_new(obj) if is_new else pod.validate(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import pod

    return pod.validate_update(obj, old)


def validate_status_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import pod

    return pod.validate_status_update(obj, old)


def keep_ephemeral_containers(new: Obj, old: Obj) -> Obj:
    """`pods/ephemeralcontainers`: nothing but the list of them."""
    spec = {k: v for k, v in old["spec"].items() if k != "ephemeralContainers"}
    wanted = new["spec"].get("ephemeralContainers")
    return {**old, "spec": spec | ({"ephemeralContainers": wanted} if wanted else {})}


def validate_ephemeral_containers(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import pod

    return pod.validate_ephemeral_containers(obj, old)


def keep_resources(new: Obj, old: Obj) -> Obj:
    """`pods/resize`: what containers and sidecars ask for, and what happens to them when that changes (KEP-1287)."""
    spec = dict(old["spec"])
    for field in ("containers", "initContainers"):
        if not spec.get(field):
            continue
        wanted = {c.get("name"): c for c in new["spec"].get(field) or []}
        spec[field] = [
            _resized(c, wanted[c["name"]])
            if c["name"] in wanted and (field == "containers" or c.get("restartPolicy") == "Always")
            else c
            for c in spec[field]
        ]
    if "resources" in new["spec"]:
        spec["resources"] = new["spec"]["resources"]
    return {**old, "spec": spec}


def _resized(container: Obj, wanted: Obj) -> Obj:
    changed = {f: wanted[f] for f in ("resources", "resizePolicy") if f in wanted}
    return {k: v for k, v in container.items() if k != "resizePolicy"} | changed


def validate_resize(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import pod_resize

    return pod_resize.validate(obj, old)


def warnings(obj: Obj) -> list[str]:
    from minikctl.api import pod_warnings

    return pod_warnings.of_pod(obj)


# ---------------------------------------------------------------------- table


class _Summary:
    """What the containers' states add up to."""

    def __init__(self, pod: Obj):
        self.pod = pod
        self.spec, self.status = pod.get("spec") or {}, pod.get("status") or {}
        self.sidecars = {c["name"] for c in self.spec.get("initContainers") or [] if c.get("restartPolicy") == "Always"}
        self.total = len(self.spec.get("containers") or []) + len(self.sidecars)
        self.ready = 0
        self.restarts = 0
        self.last_restart = ""
        self.reason = self._initial_reason()
        side_restarts, side_last, initializing = self._init_containers()
        if not initializing or condition_is(pod, "Initialized"):
            self.restarts, self.last_restart = side_restarts, side_last
            self._containers()
        if is_deleting(pod):
            if self.status.get("reason") == _NODE_LOST:
                self.reason = "Unknown"
            elif self.status.get("phase") not in ("Succeeded", "Failed"):
                self.reason = "Terminating"

    def _initial_reason(self) -> str:
        for condition in self.status.get("conditions") or []:
            if condition.get("type") == "PodScheduled" and condition.get("reason") == GATED:
                return GATED
        return str(self.status.get("reason") or self.status.get("phase") or "")

    def _init_containers(self) -> tuple[int, str, bool]:
        """Stops at the first one that is not done. Returns the sidecars' restarts, the last of them, and whether it is."""
        side_restarts, side_last = 0, ""
        for i, container in enumerate(self.status.get("initContainerStatuses") or []):
            ended_at = _last_end(container)
            self.restarts += container.get("restartCount", 0)
            self.last_restart = max(self.last_restart, ended_at)
            is_sidecar = container.get("name") in self.sidecars
            if is_sidecar:
                side_restarts += container.get("restartCount", 0)
                side_last = max(side_last, ended_at)
            state = container.get("state") or {}
            ended, waiting = state.get("terminated"), (state.get("waiting") or {}).get("reason")
            if ended is not None and not ended.get("exitCode"):
                continue
            if is_sidecar and container.get("started"):
                self.ready += bool(container.get("ready"))
                continue
            if ended is not None:
                self.reason = "Init:" + _end_reason(ended)
            elif waiting and waiting != "PodInitializing":
                self.reason = f"Init:{waiting}"
            else:
                self.reason = f"Init:{i}/{len(self.spec.get('initContainers') or [])}"
            return side_restarts, side_last, True
        return side_restarts, side_last, False

    def _containers(self) -> None:
        running = False
        for container in reversed(self.status.get("containerStatuses") or []):
            self.restarts += container.get("restartCount", 0)
            self.last_restart = max(self.last_restart, _last_end(container))
            state = container.get("state") or {}
            waiting, ended = (state.get("waiting") or {}).get("reason"), state.get("terminated")
            if waiting:
                self.reason = waiting
            elif ended is not None:
                self.reason = _end_reason(ended)
            elif container.get("ready") and state.get("running") is not None:
                running = True
                self.ready += 1
        if self.reason == "Completed" and running:
            self.reason = "Running" if condition_is(self.pod, "Ready") else "NotReady"


def _last_end(container: Obj) -> str:
    """When the container last ended; times of one form compare as text."""
    return ((container.get("lastState") or {}).get("terminated") or {}).get("finishedAt") or ""


def _end_reason(ended: Obj) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"


def status_word(pod: Obj) -> str:
    """What STATUS says: a phase, or the reason that matters more."""
    return _Summary(pod).reason


def _readiness_gates(pod: Obj) -> str:
    gates = (pod.get("spec") or {}).get("readinessGates") or []
    if not gates:
        return NONE
    met = sum(condition_is(pod, g.get("conditionType", "")) for g in gates)
    return f"{met}/{len(gates)}"


def row(obj: Obj, now: datetime) -> list[Cell]:
    summary = _Summary(obj)
    restarts = str(summary.restarts)
    if summary.restarts and summary.last_restart:
        restarts += f" ({since(summary.last_restart, now)} ago)"
    ips = summary.status.get("podIPs") or [{"ip": summary.status.get("podIP")}]
    return [
        obj["metadata"]["name"],
        f"{summary.ready}/{summary.total}",
        summary.reason,
        restarts,
        since(obj["metadata"].get("creationTimestamp"), now),
        ips[0].get("ip") or NONE,
        summary.spec.get("nodeName") or NONE,
        summary.status.get("nominatedNodeName") or NONE,
        _readiness_gates(obj),
    ]


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
    parts={
        "ephemeralcontainers": Part(keep_ephemeral_containers, validate_ephemeral_containers),
        "resize": Part(keep_resources, validate_resize),
    },
    has_generation=True,
    graceful=True,
    default=default,
    prepare_for_create=prepare_for_create,
    prepare_status_update=prepare_status_update,
    validate=validate,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
    warnings=warnings,
    selectable_fields=selectable_fields,
    columns=(
        NAME,
        Column("Ready", description="How many of the pod's containers are ready."),
        Column("Status", description="What the states of the containers add up to."),
        Column("Restarts", description="How often containers were restarted, and when last."),
        AGE,
        Column("IP", priority=1, description="The pod's address."),
        Column("Node", priority=1, description="Where it runs."),
        Column("Nominated Node", priority=1, description="Where it will run when pods of lower priority have left."),
        Column("Readiness Gates", priority=1, description="How many of its readiness gates are met."),
    ),
    row=row,
)
