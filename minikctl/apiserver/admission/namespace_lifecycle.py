"""NamespaceLifecycle: nothing is created in a namespace that is missing or going away; three namespaces always stay."""

from __future__ import annotations

from minikctl.api.errors import forbidden, not_found
from minikctl.api.meta import is_deleting
from minikctl.apiserver.admission import Cluster, Plugin
from minikctl.apiserver.request import Attributes

IMMORTAL = frozenset({"default", "kube-system", "kube-public"})


def mutate(a: Attributes, api: Cluster) -> None:
    if a.operation == "DELETE":
        if a.kind.resource == "namespaces" and a.name in IMMORTAL:
            raise forbidden("namespaces", "", a.name, "this namespace may not be deleted")
        return
    if not a.kind.namespaced or a.operation != "CREATE" or a.kind.resource in REVIEWS:
        return
    namespace = api.read("namespaces", "", a.namespace)
    if namespace is None:
        raise not_found("namespaces", "", a.namespace)
    if is_deleting(namespace):
        why = f"unable to create new content in namespace {a.namespace} because it is being terminated"
        error = forbidden(a.kind.plural, a.kind.group, a.name, why)
        message = f"namespace {a.namespace} is being terminated"
        error.details["causes"] = [
            {"reason": "NamespaceTerminating", "message": message, "field": "metadata.namespace"}
        ]
        raise error


REVIEWS = frozenset({"localsubjectaccessreviews.authorization.k8s.io"})

PLUGIN = Plugin(
    "NamespaceLifecycle",
    order=10,
    mutate=mutate,
    operations=("CREATE", "UPDATE", "DELETE"),
    subresources=frozenset({"*"}),
)
