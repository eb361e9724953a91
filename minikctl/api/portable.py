"""Objects as another cluster accepts them: what a person wrote, without what a cluster has added to it. Pure.

Left out are objects that a cluster makes by itself (pods of a ReplicaSet, endpoints, system namespaces, default roles),
and in the others everything that only means something where it came from: uids, versions, status, node names, cluster
IPs, node ports, bound volumes, injected tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minikctl.api.kind import Kind
from minikctl.api.meta import LAST_APPLIED, Obj, annotations_of, is_deleting, labels_of, name, namespace

SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease"})
MADE_BY_CLUSTERS = frozenset(
    [
        "apiservices",
        "componentstatuses",
        "controllerrevisions",
        "csinodes",
        "csistoragecapacities",
        "endpoints",
        "endpointslices",
        "events",
        "flowschemas",
        "ipaddresses",
        "leases",
        "nodes",
        "prioritylevelconfigurations",
        "servicecidrs",
        "volumeattachments",
        "certificatesigningrequests",
    ]
)
"""Resources whose objects are made by the cluster's own components."""
FIRST = (
    "namespaces",
    "customresourcedefinitions",
    "priorityclasses",
    "runtimeclasses",
    "storageclasses",
    "ingressclasses",
    "serviceaccounts",
    "resourcequotas",
    "limitranges",
    "secrets",
    "configmaps",
    "persistentvolumes",
    "persistentvolumeclaims",
    "clusterroles",
    "clusterrolebindings",
    "roles",
    "rolebindings",
    "services",
)
"""Made in this order, before all others: those need them."""
LAST = ("validatingadmissionpolicies", "validatingadmissionpolicybindings", "mutatingwebhookconfigurations", "validatingwebhookconfigurations")  # fmt: skip
"""Made last: they could refuse the others."""

_METADATA = ("name", "namespace", "labels", "annotations")
_ANNOTATIONS = (
    LAST_APPLIED,
    "deployment.kubernetes.io/",
    "deprecated.daemonset.template.generation",
    "pv.kubernetes.io/",
    "volume.kubernetes.io/",
    "volume.beta.kubernetes.io/storage-provisioner",
    "endpoints.kubernetes.io/",
    "control-plane.alpha.kubernetes.io/leader",
    "batch.kubernetes.io/",
    "batch.kubernetes.io/job-tracking",
    "minikctl/",
)
_JOB_LABELS = frozenset(
    {"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"}
)


def rank(kind: Kind) -> tuple[int, str, str]:
    """The sort key of a kind: the order in which objects can be made."""
    place = FIRST.index(kind.plural) if kind.plural in FIRST else len(FIRST)
    if kind.plural in LAST:
        place = len(FIRST) + 1 + LAST.index(kind.plural)
    return place, kind.group, kind.plural


def is_somebodys(kind: Kind, obj: Obj) -> bool:
    """Whether a person (or a tool of theirs) made the object, and wants to find it in another cluster."""
    if kind.plural in MADE_BY_CLUSTERS or is_deleting(obj) or namespace(obj) in SYSTEM_NAMESPACES:
        return False
    if any(r.get("controller") for r in obj["metadata"].get("ownerReferences") or []):
        return False
    if labels_of(obj).get("kubernetes.io/bootstrapping") or "pv.kubernetes.io/provisioned-by" in annotations_of(obj):
        return False
    usual = _USUAL.get(kind.plural)
    return not (usual and usual(obj))


def _is_usual_service(obj: Obj) -> bool:
    return (namespace(obj), name(obj)) == ("default", "kubernetes")


_USUAL: dict[str, Callable[[Obj], bool]] = {
    "namespaces": lambda obj: name(obj) in SYSTEM_NAMESPACES or name(obj) == "default",
    "serviceaccounts": lambda obj: name(obj) == "default" and not obj.get("imagePullSecrets"),
    "configmaps": lambda obj: name(obj) == "kube-root-ca.crt",
    "secrets": lambda obj: obj.get("type") == "kubernetes.io/service-account-token",
    "priorityclasses": lambda obj: name(obj).startswith("system-"),
    "clusterroles": lambda obj: name(obj).startswith("system:"),  # reserved for what clusters make
    "clusterrolebindings": lambda obj: name(obj).startswith("system:"),
    "storageclasses": lambda obj: str(obj.get("provisioner", "")).startswith("minikctl"),
    "services": _is_usual_service,
}
"""Objects of otherwise ordinary kinds that every cluster has."""


def portable(kind: Kind, obj: Obj) -> Obj:
    """The object without what belongs to its cluster; a copy."""
    metadata = {k: obj["metadata"][k] for k in _METADATA if obj["metadata"].get(k)}
    if kept := _kept_annotations(metadata.get("annotations") or {}):
        metadata["annotations"] = kept
    else:
        metadata.pop("annotations", None)
    rest = {k: v for k, v in obj.items() if k not in ("apiVersion", "kind", "metadata", "status")}
    out = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **rest}
    change = _CHANGES.get(kind.plural)
    return change(out) if change and kind.type else out


def _kept_annotations(annotations: dict[str, str]) -> dict[str, str]:
    return {k: v for k, v in annotations.items() if not k.startswith(_ANNOTATIONS)}


# ---------------------------------------------------------------------- kinds that need more


def _without(value: Obj | None, *fields: str) -> Obj:
    return {k: v for k, v in (value or {}).items() if k not in fields}


def _namespace(obj: Obj) -> Obj:
    labels = _without(obj["metadata"].get("labels"), "kubernetes.io/metadata.name")
    metadata = _without(obj["metadata"], "labels") | ({"labels": labels} if labels else {})
    return {**_without(obj, "spec"), "metadata": metadata}


def _service(obj: Obj) -> Obj:
    spec = _without(obj.get("spec"), "clusterIPs", "healthCheckNodePort", "ipFamilies")
    if spec.get("clusterIP") != "None":
        spec.pop("clusterIP", None)
    if spec.get("ipFamilyPolicy") == "SingleStack":
        del spec["ipFamilyPolicy"]
    if spec.get("ports"):
        spec["ports"] = [_without(p, "nodePort") for p in spec["ports"]]
    return {**obj, "spec": spec}


def _claim(obj: Obj) -> Obj:
    return {**obj, "spec": _without(obj.get("spec"), "volumeName")}


def _volume(obj: Obj) -> Obj:
    spec = dict(obj.get("spec") or {})
    if spec.get("claimRef"):
        spec["claimRef"] = _without(spec["claimRef"], "uid", "resourceVersion")
    return {**obj, "spec": spec}


def _account(obj: Obj) -> Obj:
    return _without(obj, "secrets")


def _pod(obj: Obj) -> Obj:
    return {**obj, "spec": pod_spec(obj.get("spec") or {})}


def pod_spec(spec: Obj) -> Obj:
    """A pod's spec without its node, and without what admission gave it."""
    out = _without(spec, "nodeName", "serviceAccount", "priority", "ephemeralContainers")
    if not out.get("priorityClassName"):
        out.pop("preemptionPolicy", None)
    injected = {v["name"] for v in out.get("volumes") or [] if v["name"].startswith("kube-api-access-")}
    for field in ("containers", "initContainers"):
        if out.get(field):
            out[field] = [_unmounted(c, injected) for c in out[field]]
    for field, kept in (
        ("volumes", [v for v in out.get("volumes") or [] if v["name"] not in injected]),
        ("tolerations", [t for t in out.get("tolerations") or [] if not _is_default_toleration(t)]),
    ):
        out.pop(field, None)
        if kept:
            out[field] = kept
    return out


def _unmounted(container: Obj, volumes: set[str]) -> Obj:
    mounts = [m for m in container.get("volumeMounts") or [] if m["name"] not in volumes]
    out = _without(container, "volumeMounts")
    return {**out, "volumeMounts": mounts} if mounts else out


def _is_default_toleration(toleration: Obj) -> bool:
    usual = toleration.get("key") in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
    return usual and toleration.get("tolerationSeconds") == 300


def _template(spec: Obj) -> Obj:
    """A workload's spec, its template without the null that Go writes for a time that is not set."""
    template = spec.get("template")
    if not isinstance(template, dict):
        return spec
    return {**spec, "template": {**template, "metadata": _without(template.get("metadata"), "creationTimestamp")}}


def _workload(obj: Obj) -> Obj:
    return {**obj, "spec": _template(obj.get("spec") or {})}


def _job_spec(spec: Obj) -> Obj:
    """Without the selector and the labels that are made of the Job's uid."""
    if spec.get("manualSelector"):
        return _template(spec)
    out = _template(_without(spec, "selector"))
    metadata = (out.get("template") or {}).get("metadata") or {}
    labels = _without(metadata.get("labels"), *_JOB_LABELS)
    metadata = _without(metadata, "labels") | ({"labels": labels} if labels else {})
    return {**out, "template": {**out["template"], "metadata": metadata}}


def _job(obj: Obj) -> Obj:
    metadata: dict[str, Any] = obj["metadata"]
    labels = _without(metadata.get("labels"), *_JOB_LABELS)
    metadata = _without(metadata, "labels") | ({"labels": labels} if labels else {})
    return {**obj, "metadata": metadata, "spec": _job_spec(obj["spec"])}


def _cron_job(obj: Obj) -> Obj:
    spec = obj["spec"]
    template = spec["jobTemplate"]
    return {**obj, "spec": {**spec, "jobTemplate": {**template, "spec": _template(template["spec"])}}}


def _stateful_set(obj: Obj) -> Obj:
    out = _workload(obj)
    claims = out["spec"].get("volumeClaimTemplates")
    if claims:
        cleaned = [{**_without(c, "status"), "metadata": _without(c["metadata"], "creationTimestamp")} for c in claims]
        out["spec"] = {**out["spec"], "volumeClaimTemplates": cleaned}
    return out


_CHANGES: dict[str, Callable[[Obj], Obj]] = {
    "namespaces": _namespace,
    "services": _service,
    "persistentvolumeclaims": _claim,
    "persistentvolumes": _volume,
    "serviceaccounts": _account,
    "pods": _pod,
    "deployments": _workload,
    "daemonsets": _workload,
    "replicasets": _workload,
    "replicationcontrollers": _workload,
    "statefulsets": _stateful_set,
    "jobs": _job,
    "cronjobs": _cron_job,
}
