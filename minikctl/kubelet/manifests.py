"""Manifests of static pods: what pod one means, and how the API shows it. Pure.

The name has the node's behind it; the uid is a hash of the manifest, so that a changed manifest is another pod.

Source: Kubernetes task "Create static Pods", kubelet `config/common.go`, `config/file.go`, `pod/mirror_client.go`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from minikctl.api.meta import Obj, annotations_of, name, uid

MIRROR, HASH = "kubernetes.io/config.mirror", "kubernetes.io/config.hash"
SEEN, SOURCE, FILE = "kubernetes.io/config.seen", "kubernetes.io/config.source", "file"
_VOLUMES = {
    "configMap": "configmaps",
    "secret": "secrets",
    "persistentVolumeClaim": "persistentvolumeclaims",
    "ephemeral": "persistentvolumeclaims",
}
_PROJECTED = {"configMap": "configmaps", "secret": "secrets", "serviceAccountToken": "serviceaccounts"}
_ENV_FROM = {"configMapRef": "configmaps", "secretRef": "secrets"}
_VALUE_FROM = {"configMapKeyRef": "configmaps", "secretKeyRef": "secrets"}


class ManifestError(Exception):
    """A manifest is no pod that could be static."""


def is_static(pod: Obj) -> bool:
    """As the kubelet has it from a manifest; a mirror pod is not."""
    return annotations_of(pod).get(SOURCE) == FILE and MIRROR not in annotations_of(pod)


def is_mirror(pod: Obj) -> bool:
    return MIRROR in annotations_of(pod)


def parse(text: str, node: str, seen: str) -> Obj:
    """The pod of a manifest in YAML or JSON. Raises ManifestError."""
    import yaml

    from minikctl.api.pod_defaults import default_pod
    from minikctl.api.validation import pod as validation

    try:
        found = json.loads(json.dumps(yaml.safe_load(text), default=str))
    except yaml.YAMLError as e:
        raise ManifestError(str(e).splitlines()[0]) from None
    if not isinstance(found, dict) or found.get("kind") != "Pod" or not isinstance(found.get("spec"), dict):
        raise ManifestError("it is not a Pod")
    meta = dict(found.get("metadata") or {})
    if not meta.get("name") or not found["spec"].get("containers"):
        raise ManifestError("it has no name or no containers")
    number = hashlib.md5(f"{node}\n{text}".encode(), usedforsecurity=False).hexdigest()
    meta |= {
        "name": f"{meta['name']}-{node}",
        "namespace": meta.get("namespace") or "default",
        "uid": number,
        "annotations": {**(meta.get("annotations") or {}), HASH: number, SEEN: seen, SOURCE: FILE},
    }
    stays = {"operator": "Exists", "effect": "NoExecute"}
    tolerations = [*(t for t in found["spec"].get("tolerations") or [] if t != stays), stays]
    pod = {**found, "metadata": meta, "spec": {**found["spec"], "nodeName": node, "tolerations": tolerations}}
    default_pod(pod)
    if errors := validation.validate_new(pod):
        raise ManifestError(f"invalid pod: {errors[0]}")
    if resource := reference(pod["spec"]):
        raise ManifestError(f"static pods may not reference {resource}")
    return {**pod, "status": {"phase": "Pending"}}


def reference(spec: Obj) -> str:
    """The resource of the first object of the API that a pod needs, "" if it needs none: then it runs without one."""
    if spec.get("serviceAccountName"):
        return "serviceaccounts"
    if spec.get("imagePullSecrets"):
        return "secrets"
    for container in [*(spec.get("initContainers") or []), *spec["containers"]]:
        sources: list[tuple[Any, dict[str, str]]] = [(s, _ENV_FROM) for s in container.get("envFrom") or []]
        sources += [(e.get("valueFrom") or {}, _VALUE_FROM) for e in container.get("env") or []]
        if found := _first(sources):
            return found
    for volume in spec.get("volumes") or []:
        projected = (volume.get("projected") or {}).get("sources") or []
        if found := _first([(volume, _VOLUMES), *((s, _PROJECTED) for s in projected)]):
            return found
    return ""


def _first(sources: list[tuple[Any, dict[str, str]]]) -> str:
    return next((resource for given, kinds in sources for key, resource in kinds.items() if given.get(key)), "")


def mirror_of(pod: Obj, node: Obj | None) -> Obj:
    """What the API shows of a static pod. It goes when its node does."""
    meta = {k: v for k, v in pod["metadata"].items() if k != "uid"}
    meta["annotations"] = {**annotations_of(pod), MIRROR: annotations_of(pod)[HASH]}
    if node is not None:
        owner = {"apiVersion": "v1", "kind": "Node", "name": name(node), "uid": uid(node), "controller": True}
        meta["ownerReferences"] = [owner]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": pod["spec"]}
