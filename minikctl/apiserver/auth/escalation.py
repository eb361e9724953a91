"""Nobody gives away more than they have: what writing a role or a binding asks of the writer.

Who writes a Role or ClusterRole must hold every permission in it, or the verb `escalate` on it; who writes a binding
must hold all that the role gives, or the verb `bind` on that role.
Source: Kubernetes concept "Using RBAC Authorization" (privilege escalation), `pkg/registry/rbac/*/policybased`.
"""

from __future__ import annotations

from collections.abc import Sequence

from minikctl.api import policy_rules
from minikctl.api.errors import go_quote, not_found
from minikctl.api.meta import Obj
from minikctl.apiserver.admission import forbidden
from minikctl.apiserver.auth import rbac
from minikctl.apiserver.auth.authorizer import Authorizer, MissingRole
from minikctl.apiserver.auth.rbac import Action
from minikctl.apiserver.request import Attributes, User

EVERYTHING: list[Obj] = [
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
]


def check_role(a: Attributes, authorizer: Authorizer) -> None:
    """Raises ApiError Forbidden."""
    role: Obj = a.obj or {}
    user = a.context.user
    name = a.name if a.operation == "UPDATE" else ""
    if authorizer.decide(user, Action("escalate", rbac.GROUP, a.kind.plural, "", a.namespace, name)).allowed:
        return
    _confirm(a, authorizer, role.get("rules") or [])
    aggregates = role.get("aggregationRule") or (a.old or {}).get("aggregationRule")
    if aggregates and missing(authorizer, user, "", EVERYTHING):
        raise forbidden(a, "must have cluster-admin privileges to use the aggregationRule")


def check_binding(a: Attributes, authorizer: Authorizer) -> None:
    """Raises ApiError Forbidden, and NotFound for a role that does not exist: nobody knows what it will give."""
    ref = (a.obj or {}).get("roleRef") or {}
    resource = "clusterroles" if ref.get("kind") == "ClusterRole" else "roles"
    called = str(ref.get("name") or "")
    bind = Action("bind", rbac.GROUP, resource, "", a.namespace, called)
    if authorizer.decide(a.context.user, bind).allowed:
        return
    try:
        rules = authorizer.role_rules(ref, a.namespace)
    except MissingRole:
        raise not_found(resource, rbac.GROUP, called) from None
    _confirm(a, authorizer, rules)


def _confirm(a: Attributes, authorizer: Authorizer, rules: Sequence[Obj]) -> None:
    problem = missing(authorizer, a.context.user, a.namespace, rules)
    if problem:
        raise forbidden(a, problem)


def missing(authorizer: Authorizer, user: User, namespace: str, wanted: Sequence[Obj]) -> str:
    """What of `wanted` a user does not hold in a namespace, in Kubernetes' words; empty when nothing."""
    owned, problems = authorizer.rules_for(user, namespace)
    lacking = policy_rules.uncovered(owned, wanted)
    if not lacking:
        return ""
    shown = sorted({policy_rules.text(rule) for rule in policy_rules.compacted(lacking)})
    text = (
        f"user {go_quote(user.name)} (groups={policy_rules.go_list(user.groups)}) is attempting to grant RBAC permissions not "
        "currently held:\n" + "\n".join(shown)
    )
    return f"{text}; resolution errors: {problems}" if problems else text
