"""Node, with the pods on it and what they have taken."""

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.kubectl.describe import Subject, events, metadata
from minikctl.kubectl.describe.node_resources import describe_pods
from minikctl.kubectl.describe.values import go, rfc1123
from minikctl.kubectl.describe.writer import Writer

GROUP = ""
_ROLE_PREFIX, _ROLE = "node-role.kubernetes.io/", "kubernetes.io/role"
_SYSTEM_INFO = (
    ("Machine ID", "machineID"),
    ("System UUID", "systemUUID"),
    ("Boot ID", "bootID"),
    ("Kernel Version", "kernelVersion"),
    ("OS Image", "osImage"),
    ("Operating System", "operatingSystem"),
    ("Architecture", "architecture"),
    ("Container Runtime Version", "containerRuntimeVersion"),
    ("Kubelet Version", "kubeletVersion"),
)


def describe(about: Subject, w: Writer) -> None:
    node = about.obj
    meta, spec, status = node["metadata"], node.get("spec") or {}, node.get("status") or {}
    w.field(0, "Name", meta["name"])
    w.field(0, "Roles", ",".join(roles(meta.get("labels") or {})) or "<none>")
    metadata.labels_and_annotations(w, node)
    w.field(0, "CreationTimestamp", rfc1123(meta.get("creationTimestamp")))
    metadata.taints(w, "Taints", spec.get("taints"))
    w.field(0, "Unschedulable", go(spec.get("unschedulable", False)))
    _lease(about, w)
    _conditions(status.get("conditions") or [], w)
    w.line(0, "Addresses:")
    for address in status.get("addresses") or []:
        w.field(1, address.get("type", ""), address.get("address", ""))
    for title in ("capacity", "allocatable"):
        if status.get(title):
            w.line(0, f"{title.capitalize()}:")
            for name, amount in sorted(status[title].items()):
                w.field(1, name, amount)
    w.line(0, "System Info:")
    info = status.get("nodeInfo") or {}
    for title, field in _SYSTEM_INFO:
        w.field(1, title, info.get(field, ""))
    _addresses(spec, w)
    _pods(about, w)
    if about.show_events:
        about.events(w, events.of_node(about.client, node))


def roles(labels: dict[str, str]) -> list[str]:
    """From labels such as `node-role.kubernetes.io/control-plane`."""
    found = {k.removeprefix(_ROLE_PREFIX) for k in labels if k.startswith(_ROLE_PREFIX)}
    return sorted((found | {labels.get(_ROLE, "")}) - {""})


def _lease(about: Subject, w: Writer) -> None:
    name = about.obj["metadata"]["name"]
    try:
        spec = about.client.get("leases.coordination.k8s.io", name, "kube-node-lease").get("spec") or {}
    except ApiError as e:
        w.field(0, "Lease", f"Failed to get lease: {e}")
        return
    w.line(0, "Lease:")
    w.field(1, "HolderIdentity", spec["holderIdentity"] if spec.get("holderIdentity") is not None else "<unset>")
    for title, field in (("AcquireTime", "acquireTime"), ("RenewTime", "renewTime")):
        w.field(1, title, rfc1123(spec[field]) if spec.get(field) else "<unset>")


def _conditions(conditions: list[Obj], w: Writer) -> None:
    if not conditions:
        return
    w.line(0, "Conditions:")
    w.line(1, "Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage")
    w.line(1, "----\t------\t-----------------\t------------------\t------\t-------")
    for c in conditions:
        times = f"{rfc1123(c.get('lastHeartbeatTime'))} \t{rfc1123(c.get('lastTransitionTime'))}"
        state = f"{c.get('type', '')} \t{c.get('status', '')}"
        w.line(1, f"{state} \t{times} \t{c.get('reason', '')} \t{c.get('message', '')}")


def _addresses(spec: Obj, w: Writer) -> None:
    if spec.get("podCIDR"):
        w.field(0, "PodCIDR", spec["podCIDR"])
    if spec.get("podCIDRs"):
        w.field(0, "PodCIDRs", ",".join(spec["podCIDRs"]))
    if spec.get("providerID"):
        w.field(0, "ProviderID", spec["providerID"])


def _pods(about: Subject, w: Writer) -> None:
    name = about.obj["metadata"]["name"]
    selector = f"spec.nodeName={name},status.phase!=Succeeded,status.phase!=Failed"
    try:
        pods = about.client.list("pods", "", field_selector=selector)["items"]
    except ApiError as e:
        if e.reason != "Forbidden":
            raise
        w.field(0, "Pods", "not authorized")
        return
    describe_pods(pods, about.obj.get("status") or {}, w, about.now)
