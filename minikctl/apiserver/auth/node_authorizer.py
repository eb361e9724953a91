"""The Node authorizer: a kubelet reads what the pods on its own node need, and reports what is on that node.

It may allow, or say why it does not; RBAC is asked then. Kubelets of this cluster work on the files; this is about
whoever comes with a kubelet's certificate, or asks as one (`--as system:node:node-1 --as-group system:nodes`).
Source: Kubernetes concept "Using Node Authorization"; `plugin/pkg/auth/authorizer/node/node_authorizer.go`.
"""

from __future__ import annotations

from collections.abc import Iterator

from minikctl.api.meta import Obj, annotations_of, get_path, name
from minikctl.apiserver.auth import rbac
from minikctl.apiserver.auth.policies import Reader
from minikctl.apiserver.auth.rbac import NODES, Action
from minikctl.apiserver.request import User

PREFIX = "system:node:"
CLAIMS = "persistentvolumeclaims"
LEASES = "kube-node-lease"
MIRROR = "kubernetes.io/config.mirror"
OWN_VERBS = ("get", "create", "update", "patch", "delete")
READS = ("get", "list", "watch")
Why = str | None


def node_of(user: User) -> str:
    """The node whose kubelet somebody is; empty for everybody else."""
    return user.name.removeprefix(PREFIX) if NODES in user.groups and user.name.startswith(PREFIX) else ""


def refused(node: str, action: Action, api: Reader) -> Why:
    """Why the kubelet of a node may not do this, as far as nodes are concerned ("" for no reason); None when it may."""
    rule = _RULES.get((action.group, action.resource), _by_role)
    return rule(node, action, api)


# ---------------------------------------------------------------------- by resource


def _by_role(_node: str, action: Action, _api: Reader) -> Why:
    from minikctl.apiserver.auth.default_roles import RULES

    return None if any(rbac.allows(rule, action) for rule in RULES["system:node"]) else ""


def _read(node: str, action: Action, api: Reader) -> Why:
    if action.verb not in READS:
        return "can only read resources of this type"
    if action.subresource:
        return "cannot read subresource"
    if not action.namespace:
        return "can only read namespaced object of this type"
    return _related(node, action, api)


def _get(node: str, action: Action, api: Reader) -> Why:
    if action.verb != "get":
        return "can only get individual resources of this type"
    return "cannot get subresource" if action.subresource else _related(node, action, api)


def _claim(node: str, action: Action, api: Reader) -> Why:
    if action.subresource != "status":
        return _get(node, action, api)
    if action.verb not in ("update", "patch"):
        return "can only get/update/patch this type"
    return _related(node, action, api)


def _token(node: str, action: Action, api: Reader) -> Why:
    if action.verb == "get" and not action.subresource:
        return _related(node, action, api)
    if action.verb != "create" or not action.name:
        return "can only create tokens for individual service accounts"
    if action.subresource != "token":
        return "can only create token subresource of serviceaccount"
    return _related(node, action, api)


def _lease(node: str, action: Action, _api: Reader) -> Why:
    if action.verb not in OWN_VERBS:
        return "can only get, create, update, patch, or delete a node lease"
    if action.namespace != LEASES:
        return f'can only access leases in the "{LEASES}" system namespace'
    if action.verb != "create" and action.name != node:
        return "can only access node lease with the same name as the requesting node"
    return None


def _csi_node(node: str, action: Action, _api: Reader) -> Why:
    if action.subresource:
        return "cannot authorize CSINode subresources"
    if action.verb not in OWN_VERBS:
        return "can only get, create, update, patch, or delete a CSINode"
    if action.verb != "create" and action.name != node:
        return "can only access CSINode with the same name as the requesting node"
    return None


def _node(node: str, action: Action, api: Reader) -> Why:
    if action.verb in READS and not action.subresource and action.name != node:
        what = f"'{action.name}'" if action.name else "all nodes"
        return f"node '{node}' cannot read {what}, only its own Node object"
    return _by_role(node, action, api)


def _pod(node: str, action: Action, api: Reader) -> Why:
    if action.verb in ("list", "watch") and not action.subresource and action.node != node:
        return "can only list/watch pods with spec.nodeName field selector"
    if action.verb == "get" and not action.subresource:
        return _related(node, action, api)
    return _by_role(node, action, api)


_RULES = {
    ("", "secrets"): _read,
    ("", "configmaps"): _read,
    ("", "persistentvolumeclaims"): _claim,
    ("", "persistentvolumes"): _get,
    ("", "serviceaccounts"): _token,
    ("", "nodes"): _node,
    ("", "pods"): _pod,
    ("storage.k8s.io", "volumeattachments"): _get,
    ("storage.k8s.io", "csinodes"): _csi_node,
    ("coordination.k8s.io", "leases"): _lease,
}


# ---------------------------------------------------------------------- what belongs to a node


def _related(node: str, action: Action, api: Reader) -> Why:
    if not action.name:
        return "No Object name found"
    if (action.resource, action.namespace, action.name) in set(_reached(node, action, api)):
        return None
    return f"no relationship found between node '{node}' and this object"


def _reached(node: str, action: Action, api: Reader) -> Iterator[tuple[str, str, str]]:
    """(resource, namespace, name) of what leads from the node to the object that is asked for."""
    if action.resource == "volumeattachments":
        found = api.read("volumeattachments.storage.k8s.io", "", action.name)
        if get_path(found or {}, "spec", "nodeName", default="") == node:
            yield action.resource, "", action.name
        return
    namespace = action.namespace
    if action.resource == "persistentvolumes":
        volume = api.read("persistentvolumes", "", action.name)
        claim = get_path(volume or {}, "spec", "claimRef", default={})
        namespace = claim.get("namespace", "")
    pods = [p for p in api.read_all("pods", namespace) if p["spec"].get("nodeName") == node] if namespace else []
    for pod in pods:
        for resource, wanted in needs(pod):
            yield resource, namespace, wanted
            if action.resource == "persistentvolumes" and (resource, wanted) == (CLAIMS, claim.get("name")):
                yield action.resource, "", action.name


def needs(pod: Obj) -> Iterator[tuple[str, str]]:
    """(resource, name) of what a kubelet needs for a pod, itself first; a mirror pod brings nothing along. Pure."""
    yield "pods", name(pod)
    if MIRROR in annotations_of(pod):
        return
    spec = pod["spec"]
    yield "serviceaccounts", spec.get("serviceAccountName") or "default"
    for reference in spec.get("imagePullSecrets") or []:
        yield "secrets", reference.get("name", "")
    for container in (c for f in _CONTAINERS for c in spec.get(f) or []):
        sources = [v.get("valueFrom") or {} for v in container.get("env") or []] + (container.get("envFrom") or [])
        for source in sources:
            for key, resource in _REFERENCES.items():
                if key in source:
                    yield resource, source[key].get("name", "")
    for volume in spec.get("volumes") or []:
        yield from _of_volume(volume, name(pod))


_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_REFERENCES = {
    "secretKeyRef": "secrets",
    "secretRef": "secrets",
    "configMapKeyRef": "configmaps",
    "configMapRef": "configmaps",
}


def _of_volume(volume: Obj, pod: str) -> Iterator[tuple[str, str]]:
    for source in [volume, *(get_path(volume, "projected", "sources", default=None) or [])]:
        if "secret" in source:
            yield "secrets", source["secret"].get("secretName") or source["secret"].get("name", "")
        if "configMap" in source:
            yield "configmaps", source["configMap"].get("name", "")
    if "persistentVolumeClaim" in volume:
        yield "persistentvolumeclaims", volume["persistentVolumeClaim"].get("claimName", "")
    if "ephemeral" in volume:
        yield "persistentvolumeclaims", f"{pod}-{volume['name']}"
    for source in volume.values():
        if isinstance(source, dict):
            for reference in ("secretRef", "nodePublishSecretRef"):
                if source.get(reference):
                    yield "secrets", source[reference].get("name", "")
