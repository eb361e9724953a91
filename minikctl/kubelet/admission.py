"""Whether a node takes a pod that is new to it. Pure.

The scheduler has looked already; the kubelet looks once more, since pods may be bound by hand and the node may have
changed. What the node cannot give is named as in Kubernetes: OutOfcpu, OutOfmemory, OutOfpods, NodeAffinity, NodePorts,
TaintToleration, SysctlForbidden. Source: kubelet `lifecycle/predicate.go`, `sysctl/allowlist.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Findings:
    """What stands against a pod. never: (reason, message) of what no pod that goes would change, or ADMITTED.
    short: what the node has too little of."""

    never: tuple[str, str] = ADMITTED
    short: Sequence[Shortage] = ()
    mismatch: str = ""

    @property
    def refusal(self) -> tuple[str, str]:
        """(reason, message) of the first thing, ADMITTED when there is none."""
        if self.never != ADMITTED:
            return self.never
        return self.short[0].refusal if self.short else self.beside_room

    @property
    def beside_room(self) -> tuple[str, str]:
        """The same if there were enough of everything."""
        if self.never != ADMITTED or not self.mismatch:
            return self.never
        return self.mismatch, f"Predicate {self.mismatch} failed: {_WHY[self.mismatch]}"


def look(
    pod: Obj, node: Obj, wanted: Amounts, allocatable: Amounts, taken: Sequence[Amounts], ports: Iterable[HostPort]
) -> Findings:
    """wanted: what the pod requests. taken: what each pod that is here requests. ports: those that they use of the
    node."""
    never = _not_for_this_system(pod, node)
    if never == ADMITTED:
        never = forbidden_sysctl(pod)
    if never != ADMITTED:
        return Findings(never)
    return Findings(ADMITTED, shortages(wanted, allocatable, taken), _mismatch(pod, node, ports))


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


@dataclass(frozen=True, slots=True)
class Shortage:
    """A resource of which the node has less than a pod wants."""

    resource: str
    wanted: int
    used: int
    there: int

    @property
    def missing(self) -> int:
        return self.wanted + self.used - self.there

    @property
    def refusal(self) -> tuple[str, str]:
        text = f"Node didn't have enough resource: {self.resource}"
        return f"OutOf{self.resource}", f"{text}, requested: {self.wanted}, used: {self.used}, capacity: {self.there}"


def shortages(wanted: Amounts, allocatable: Amounts, taken: Sequence[Amounts]) -> list[Shortage]:
    """Of what the node has too little. A resource that it does not know is somebody else's care."""
    found = [Shortage("pods", 1, len(taken), allocatable.get("pods", 0))]
    for resource, amount in wanted.items():
        if resource in allocatable:
            used = sum(one.get(resource, 0) for one in taken)
            found.append(Shortage(resource, amount, used, allocatable[resource]))
    return [one for one in found if one.wanted > one.there - one.used]


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
