"""Role-based access control: what rules allow, and whom bindings are about. Pure.

Rules and bindings are those of rbac.authorization.k8s.io/v1. Source: Kubernetes concept "Using RBAC Authorization",
`pkg/apis/rbac/v1/evaluation_helpers.go`.
"""

from __future__ import annotations

from dataclasses import dataclass

from minikctl.api.errors import go_quote
from minikctl.api.meta import Obj, name, namespace
from minikctl.api.policy_rules import has, url_covers
from minikctl.apiserver.request import User

GROUP = "rbac.authorization.k8s.io"
MASTERS = "system:masters"
"""The group whose members may do everything, whatever roles there are."""
NODES = "system:nodes"
"""The group of all kubelets."""
SERVICE_ACCOUNT = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody wants to do: a verb on a resource, or, with a `path`, on a URL that is none."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    node: str = ""
    """The one node whose pods are asked for (field selector spec.nodeName)."""

    @property
    def whole_resource(self) -> str:
        """`pods/log`"""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def allows(rule: Obj, action: Action) -> bool:
    """Whether a rule allows an action."""
    if not has(rule.get("verbs"), action.verb):
        return False
    if action.path:
        return any(url_covers(url, action.path) for url in rule.get("nonResourceURLs") or [])
    if not has(rule.get("apiGroups"), action.group):
        return False
    resources = rule.get("resources") or []
    if not has(resources, action.whole_resource) and not (
        action.subresource and f"*/{action.subresource}" in resources
    ):
        return False
    names = rule.get("resourceNames")
    return not names or action.name in names


# ---------------------------------------------------------------------- subjects


def subject_key(subject: Obj, binding_namespace: str) -> tuple[str, str]:
    """A subject as (User or Group, name); service accounts are users. ("", "") for what means nobody."""
    kind, called = subject.get("kind"), str(subject.get("name") or "")
    if kind in ("User", "Group"):
        return str(kind), called
    where = subject.get("namespace") or binding_namespace
    if kind == "ServiceAccount" and where:
        return "User", f"{SERVICE_ACCOUNT}{where}:{called}"
    return "", ""


def keys_of(user: User) -> set[tuple[str, str]]:
    """What a user is as a subject."""
    return {("User", user.name), *(("Group", g) for g in user.groups)}


def applying_subject(binding: Obj, keys: set[tuple[str, str]]) -> Obj | None:
    """The first subject of a binding that is one of `keys`."""
    where = namespace(binding)
    return next((s for s in binding.get("subjects") or [] if subject_key(s, where) in keys), None)


def described(binding: Obj, subject: Obj) -> str:
    """`ClusterRoleBinding "x" of ClusterRole "y" to User "z"`, as the reason of a decision names it."""
    where, ref = namespace(binding), binding.get("roleRef") or {}
    kind = "RoleBinding" if where else "ClusterRoleBinding"
    called = f"{name(binding)}/{where}" if where else name(binding)
    who = str(subject.get("name") or "")
    if subject.get("kind") == "ServiceAccount":
        who = f"{who}/{subject.get('namespace') or where}"
    to = f"{subject.get('kind')} {go_quote(who)}"
    return f"{kind} {go_quote(called)} of {ref.get('kind')} {go_quote(str(ref.get('name') or ''))} to {to}"
