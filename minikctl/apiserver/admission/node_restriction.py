"""NodeRestriction: a kubelet changes its own Node and the pods on it, nothing of others.

Source: Kubernetes `plugin/pkg/admission/noderestriction`; concept "Using Node Authorization".
"""

from __future__ import annotations

from collections.abc import Callable

from minikctl.api.meta import Obj, annotations_of, get_path, labels_of
from minikctl.apiserver.admission import Cluster, Plugin, forbidden
from minikctl.apiserver.request import Attributes

NODES, PREFIX = "system:nodes", "system:node:"
MIRROR = "kubernetes.io/config.mirror"
RESERVED = "node-restriction.kubernetes.io"
"""Labels in this domain are the administrator's, for pods that must not land on a node that others control."""
OWN_LABELS = frozenset(
    {
        "kubernetes.io/hostname",
        "kubernetes.io/arch",
        "kubernetes.io/os",
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/instance-type",
        "node.kubernetes.io/instance-type",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    }
)
OWN_DOMAINS = ("kubelet.kubernetes.io", "node.kubernetes.io")


def validate(a: Attributes, api: Cluster) -> None:
    user = a.context.user
    if NODES not in user.groups or not user.name.startswith(PREFIX):
        return
    node = user.name.removeprefix(PREFIX)
    why = _RULES[a.kind.resource](a, node, api)
    if why:
        raise forbidden(a, why)


def _nodes(a: Attributes, node: str, _api: Cluster) -> str:
    name = a.name or get_path(a.obj, "metadata", "name", default="")
    if name != node:
        return f'node "{node}" is not allowed to modify node "{name}"'
    if a.operation == "DELETE":
        return f'node "{node}" is not allowed to delete node "{name}"' if name != node else ""
    labels, before = labels_of(a.obj or {}), labels_of(a.old or {})
    changed = [k for k in {*labels, *before} if labels.get(k) != before.get(k)]
    if a.operation == "UPDATE" and _taints(a.obj) != _taints(a.old):
        return f'node "{node}" is not allowed to modify taints'
    bad = sorted(k for k in changed if _is_foreign(k))
    if not bad:
        return ""
    verb = "set" if a.operation == "CREATE" else "modify"
    return f"is not allowed to {verb} the following labels: {', '.join(bad)}"


def _taints(node: Obj | None) -> list[Obj]:
    found: list[Obj] = get_path(node, "spec", "taints", default=[])
    return found


def _is_foreign(label: str) -> bool:
    domain = label.rpartition("/")[0]
    if domain == RESERVED or domain.endswith(f".{RESERVED}"):
        return True
    if label in OWN_LABELS or any(domain == d or domain.endswith(f".{d}") for d in OWN_DOMAINS):
        return False
    return any(domain == d or domain.endswith(f".{d}") for d in ("kubernetes.io", "k8s.io"))


def _pods(a: Attributes, node: str, api: Cluster) -> str:
    if a.subresource == "eviction":
        pod = api.read("pods", a.namespace, a.name)
        if pod is not None and get_path(pod, "spec", "nodeName") != node:
            return f"node {node} can only evict pods with spec.nodeName set to itself"
        return ""
    if a.subresource == "status":
        if get_path(a.old, "spec", "nodeName") != node:
            return f'node "{node}" can only update pod status for pods with spec.nodeName set to itself'
        changed = labels_of(a.obj or {}) != labels_of(a.old or {})
        return f'node "{node}" cannot update labels through pod status' if changed else ""
    if a.operation == "DELETE":
        if get_path(a.old, "spec", "nodeName") != node:
            return f'node "{node}" can only delete pods with spec.nodeName set to itself'
        return ""
    if a.operation == "UPDATE":
        return f'unexpected operation "{a.operation}", node "{node}" can only create and delete mirror pods'
    pod = a.obj or {}
    if MIRROR not in annotations_of(pod):
        return f'pod does not have "{MIRROR}" annotation, node "{node}" can only create mirror pods'
    if get_path(pod, "spec", "nodeName") != node:
        return f'node "{node}" can only create pods with spec.nodeName set to itself'
    return ""


def _leases(a: Attributes, node: str, _api: Cluster) -> str:
    if a.namespace != "kube-node-lease":
        return 'can only access leases in the "kube-node-lease" system namespace'
    name = a.name or get_path(a.obj, "metadata", "name", default="")
    return "" if name == node else "can only access node lease with the same name as the requesting node"


def _tokens(a: Attributes, node: str, api: Cluster) -> str:
    if a.subresource != "token":
        return ""
    ref = get_path(a.obj, "spec", "boundObjectRef", default={})
    if ref.get("kind") != "Pod" or not ref.get("name"):
        return "node requested token not bound to a pod"
    pod = api.read("pods", a.namespace, ref["name"])
    if pod is None or get_path(pod, "spec", "nodeName") != node:
        return "node requested token bound to a pod scheduled on a different node"
    return ""


_RULES: dict[str, Callable[[Attributes, str, Cluster], str]] = {
    "nodes": _nodes,
    "pods": _pods,
    "leases.coordination.k8s.io": _leases,
    "serviceaccounts": _tokens,
}

PLUGIN = Plugin(
    "NodeRestriction",
    order=52,
    validate=validate,
    operations=("CREATE", "UPDATE", "DELETE"),
    handles=frozenset(_RULES),
    subresources=frozenset({"", "status", "eviction", "token"}),
)
