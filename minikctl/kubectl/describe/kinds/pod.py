"""Pod."""

from minikctl.api import quantity
from minikctl.api.meta import Obj, find_condition
from minikctl.kubectl.describe import Subject, events, metadata
from minikctl.kubectl.describe.containers import containers, resources
from minikctl.kubectl.describe.pod_template import topology_spread
from minikctl.kubectl.describe.values import age, rfc1123
from minikctl.kubectl.describe.volumes import volumes
from minikctl.kubectl.describe.writer import Writer

GROUP = ""


def describe(about: Subject, w: Writer) -> None:
    pod = about.obj
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    _identity(pod, w)
    metadata.labels_and_annotations(w, pod)
    _phase(about, w)
    w.field(0, "IP", status.get("podIP", ""))
    addresses = status.get("podIPs") or []
    w.line(0, "IPs:" if addresses else "IPs:\t<none>")
    for address in addresses:
        w.field(1, "IP", address.get("ip", ""))
    metadata.controlled_by(w, pod)
    if status.get("nominatedNodeName"):
        w.field(0, "NominatedNodeName", status["nominatedNodeName"])
    if spec.get("resources") is not None:
        w.line(0, "Resources:")
        resources(spec["resources"], w, 1)
    _containers(pod, w)
    _conditions(pod, w)
    volumes(spec.get("volumes"), w)
    w.field(0, "QoS Class", status.get("qosClass") or qos_class(spec))
    metadata.labels(w, "Node-Selectors", spec.get("nodeSelector"))
    metadata.tolerations(w, "Tolerations", spec.get("tolerations"))
    topology_spread(spec.get("topologySpreadConstraints"), w)
    if spec.get("schedulingGroup") is not None:
        w.line(0, "SchedulingGroup:")
        w.field(1, "PodGroupName", spec["schedulingGroup"].get("podGroupName", ""))
    if about.show_events:
        about.events(w, events.of_pod(about.client, pod))


def _identity(pod: Obj, w: Writer) -> None:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    w.field(0, "Name", pod["metadata"].get("name", ""))
    w.field(0, "Namespace", pod["metadata"].get("namespace", ""))
    if spec.get("priority") is not None:
        w.field(0, "Priority", spec["priority"])
    for title, field in (
        ("Priority Class Name", "priorityClassName"),
        ("Runtime Class Name", "runtimeClassName"),
        ("Service Account", "serviceAccountName"),
    ):
        if spec.get(field):
            w.field(0, title, spec[field])
    node = spec.get("nodeName")
    w.field(0, "Node", f"{node}/{status.get('hostIP', '')}" if node else "<none>")
    if status.get("startTime") is not None:
        w.field(0, "Start Time", rfc1123(status["startTime"]))


def _phase(about: Subject, w: Writer) -> None:
    meta, spec, status = about.obj["metadata"], about.obj.get("spec") or {}, about.obj.get("status") or {}
    phase = status.get("phase", "")
    if meta.get("deletionTimestamp") and phase not in ("Failed", "Succeeded"):
        w.field(0, "Status", f"Terminating (lasts {age(meta['deletionTimestamp'], about.now)})")
        w.field(0, "Termination Grace Period", f"{meta.get('deletionGracePeriodSeconds', 0)}s")
    else:
        w.field(0, "Status", phase)
    for title, field in (("Reason", "reason"), ("Message", "message")):
        if status.get(field):
            w.field(0, title, status[field])
    profile = (spec.get("securityContext") or {}).get("seccompProfile")
    if profile is not None:
        w.field(0, "SeccompProfile", profile.get("type", ""))
        if profile.get("type") == "Localhost":
            w.field(0, "LocalhostProfile", profile.get("localhostProfile", ""))


def _containers(pod: Obj, w: Writer) -> None:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    if spec.get("initContainers"):
        known = status.get("initContainerStatuses")
        containers("Init Containers", spec["initContainers"], w, statuses=known, pod=pod)
    containers("Containers", spec.get("containers"), w, statuses=status.get("containerStatuses"), pod=pod)
    if spec.get("ephemeralContainers"):
        known = status.get("ephemeralContainerStatuses")
        containers("Ephemeral Containers", spec["ephemeralContainers"], w, statuses=known, pod=pod)


def _conditions(pod: Obj, w: Writer) -> None:
    found = (pod.get("status") or {}).get("conditions") or []
    gates = (pod.get("spec") or {}).get("readinessGates") or []
    if gates:
        w.line(0, "Readiness Gates:")
        w.line(1, "Type\tStatus")
        for gate in gates:
            kind = gate.get("conditionType", "")
            met = find_condition(found, kind)
            w.line(1, f"{kind} \t{met.get('status', '') if met else '<none>'} ")
    if found:
        w.line(0, "Conditions:")
        w.line(1, "Type\tStatus")
        for condition in found:
            w.line(1, f"{condition.get('type', '')} \t{condition.get('status', '')} ")


def qos_class(spec: Obj) -> str:
    """Guaranteed, Burstable or BestEffort, by the pod's own resources or those of all containers."""
    parts = [spec["resources"]] if spec.get("resources") is not None else None
    if parts is None:
        both = (spec.get("containers") or []) + (spec.get("initContainers") or [])
        parts = [c.get("resources") or {} for c in both]
    requests = _sums([p.get("requests") or {} for p in parts])
    limits = _sums([p.get("limits") or {} for p in parts])
    if not requests and not limits:
        return "BestEffort"
    complete = all(set(_sums([p.get("limits") or {}])) == {"cpu", "memory"} for p in parts)
    return "Guaranteed" if complete and requests == limits else "Burstable"


def _sums(lists: list[dict[str, str]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for amounts in lists:
        for name in ("cpu", "memory"):
            amount = quantity.parse(amounts.get(name, "0"))
            if amount > 0:
                totals[name] = totals.get(name, 0) + amount
    return totals
