"""PodSecurity: pods keep to the level that their namespace's labels name. How is in `_pod_security.py`."""

from __future__ import annotations

from minikctl.api.errors import not_found
from minikctl.api.meta import Obj, labels_of
from minikctl.apiserver.admission import Cluster, Plugin
from minikctl.apiserver.request import Attributes

PREFIX = "pod-security.kubernetes.io/"
TEMPLATES = {
    "podtemplates": ("template",),
    "replicationcontrollers": ("spec", "template"),
    "replicasets.apps": ("spec", "template"),
    "deployments.apps": ("spec", "template"),
    "statefulsets.apps": ("spec", "template"),
    "daemonsets.apps": ("spec", "template"),
    "jobs.batch": ("spec", "template"),
    "cronjobs.batch": ("spec", "jobTemplate", "spec", "template"),
}
"""Where kinds that make pods keep their template."""


def validate(a: Attributes, api: Cluster) -> None:
    if a.obj is None:
        return
    if a.kind.resource == "namespaces":
        if _has_levels(a.obj) or _has_levels(a.old):
            from minikctl.apiserver.admission import _pod_security

            _pod_security.of_namespace(a, api)
        return
    namespace = api.read("namespaces", "", a.namespace)
    if namespace is None:
        raise not_found("namespaces", "", a.namespace)  # 500 in Kubernetes, whose cache may be behind; ours is not
    if not _has_levels(namespace):
        if a.kind.resource != "pods":
            return
        a.context.annotations[f"{PREFIX}enforce-policy"] = "privileged:latest"
        return
    from minikctl.apiserver.admission import _pod_security

    if a.kind.resource == "pods":
        _pod_security.of_pod(a, namespace)
    elif not a.subresource:
        _pod_security.of_workload(a, namespace, TEMPLATES[a.kind.resource])


def _has_levels(namespace: Obj | None) -> bool:
    return any(k.startswith(PREFIX) for k in labels_of(namespace or {}))


PLUGIN = Plugin(
    "PodSecurity",
    order=65,
    validate=validate,
    handles=frozenset({"pods", "namespaces", *TEMPLATES}),
    subresources=frozenset({"", "ephemeralcontainers", "resize"}),
)
