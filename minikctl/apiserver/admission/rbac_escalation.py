"""RBACEscalation: nobody gives away more than they have; in Kubernetes a part of these kinds' storage.

The rules are `auth/escalation.py`.
"""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.apiserver.admission import Cluster, Plugin
from minikctl.apiserver.request import Attributes

GROUP = "rbac.authorization.k8s.io"
ROLES, BINDINGS = ("roles", "clusterroles"), ("rolebindings", "clusterrolebindings")
BY_COLLECTORS = ("ownerReferences", "finalizers", "managedFields", "resourceVersion")
"""Metadata that the garbage collector must be able to change without holding what the object grants."""


def validate(a: Attributes, api: Cluster) -> None:
    if a.obj is None or "system:masters" in a.context.user.groups:
        return
    if a.old is not None and _essence(a.old) == _essence(a.obj):
        return
    from minikctl.apiserver.auth import escalation
    from minikctl.apiserver.auth.authorizer import Authorizer
    from minikctl.apiserver.auth.policies import StoredPolicies

    check = escalation.check_role if a.kind.plural in ROLES else escalation.check_binding
    check(a, Authorizer(StoredPolicies(api)))


def _essence(obj: Obj) -> Obj:
    return {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k not in BY_COLLECTORS}}


PLUGIN = Plugin(
    "RBACEscalation",
    order=90,
    validate=validate,
    handles=frozenset(f"{r}.{GROUP}" for r in (*ROLES, *BINDINGS)),
)
