"""Whether a node takes a pod that is new to it. Pure.

The scheduler has looked already; the kubelet looks once more, since pods may be bound by hand and the node may have
changed. What the node cannot give is named as in Kubernetes: OutOfcpu, OutOfmemory, OutOfpods, NodeAffinity, NodePorts,
TaintToleration, SysctlForbidden. Source: kubelet `lifecycle/predicate.go`, `sysctl/allowlist.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from minikctl.api.meta import Obj, labels_of, name
from minikctl.api.policy.pod_security.baseline import SYSCTLS_32
from minikctl.api.scheduling import NO_EXECUTE, Amounts, HostPort, collide, host_ports, selects_node, untolerated
from minikctl.kubelet.manifests import is_static

ADMITTED = ("", "")
NODE_AFFINITY, NODE_PORTS, TAINTS = "NodeAffinity", "NodePorts", "TaintToleration"
_WHY = {
    NODE_AFFINITY: "node(s) didn't match Pod's node affinity/selector",
    NODE_PORTS: "node(s) didn't have free ports for the requested pod ports",
    TAINTS: "node(s) had taints that the pod didn't tolerate",
}
OS_LABEL = "kubernetes.io/os"


def refusal(
    pod: Obj, node: Obj, wanted: Amounts, allocatable: Amounts, taken: Sequence[Amounts], ports: Iterable[HostPort]
) -> tuple[str, str]:
    """(reason, message) of the first thing that stands against the pod, ADMITTED when nothing does.

    wanted: what the pod requests. taken: what each pod that is here requests. ports: those that they use of the node.
    """
    reason, why = _not_for_this_system(pod, node)
    if not reason:
        reason, why = forbidden_sysctl(pod)
    if not reason:
        reason, why = too_much(wanted, allocatable, taken)
    if not reason:
        kind = _mismatch(pod, node, ports)
        reason, why = (kind, f"Predicate {kind} failed: {_WHY[kind]}") if kind else ADMITTED
    return reason, why


def _not_for_this_system(pod: Obj, node: Obj) -> tuple[str, str]:
    system = labels_of(node).get(OS_LABEL, "linux")
    if labels_of(pod).get(OS_LABEL, system) != system:
        text = "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label"
        return "PodOSSelectorNodeLabelDoesNotMatch", text
    if ((pod["spec"].get("os") or {}).get("name") or system) != system:
        return "PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS"
    return ADMITTED


def sysctls(pod: Obj) -> dict[str, str]:
    """What a pod wants of the kernel for its namespaces, by names with dots."""
    wanted = (pod["spec"].get("securityContext") or {}).get("sysctls") or []
    return {_dotted(one["name"]): one["value"] for one in wanted}


def _dotted(title: str) -> str:
    """`net/ipv4/conf/eth0.1/x` is `net.ipv4.conf.eth0/1.x`: what comes first is the separator."""
    first = next((c for c in title if c in "./"), ".")
    return title if first == "." else title.translate(str.maketrans("./", "/."))


def forbidden_sysctl(pod: Obj) -> tuple[str, str]:
    """Only what is safe, that is, of the pod's own namespaces, as long as it has them."""
    for title in sysctls(pod):
        kind, shared = ("net", "hostNetwork") if title.startswith("net.") else ("ipc", "hostIPC")
        why = "not allowlisted" if title not in SYSCTLS_32 else ""
        if not why and pod["spec"].get(shared):
            why = f"not allowed with host {kind} enabled"
        if why:
            return "SysctlForbidden", f'forbidden sysctl: "{title}" {why}'
    return ADMITTED


def too_much(wanted: Amounts, allocatable: Amounts, taken: Sequence[Amounts]) -> tuple[str, str]:
    """The first resource of which the node has too little. One that the node does not know is somebody else's care."""
    if len(taken) + 1 > allocatable.get("pods", 0):
        return _out_of("pods", 1, len(taken), allocatable.get("pods", 0))
    for resource, amount in wanted.items():
        if resource not in allocatable:
            continue
        used = sum(one.get(resource, 0) for one in taken)
        if amount > allocatable[resource] - used:
            return _out_of(resource, amount, used, allocatable[resource])
    return ADMITTED


def _out_of(resource: str, wanted: int, used: int, there: int) -> tuple[str, str]:
    text = f"Node didn't have enough resource: {resource}, requested: {wanted}, used: {used}, capacity: {there}"
    return f"OutOf{resource}", text


def _mismatch(pod: Obj, node: Obj, ports: Iterable[HostPort]) -> str:
    spec = pod["spec"]
    if not selects_node(spec, labels_of(node), name(node)):
        return NODE_AFFINITY
    if own := host_ports(spec):
        there = list(ports)
        if any(collide(mine, its) for mine in own for its in there):
            return NODE_PORTS
    taints = [] if is_static(pod) else (node.get("spec") or {}).get("taints") or []
    return TAINTS if untolerated(taints, spec.get("tolerations") or [], (NO_EXECUTE,)) else ""
