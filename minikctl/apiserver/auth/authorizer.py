"""May a user do this? The answer of the Node authorizer and of RBAC, its reason, and the refusal in Kubernetes' words.

Source: Kubernetes `plugin/pkg/auth/authorizer/rbac`, apiserver `endpoints/handlers/responsewriters/errors.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from minikctl.api.errors import ApiError, forbidden, go_quote
from minikctl.api.meta import Obj
from minikctl.apiserver.auth import rbac
from minikctl.apiserver.auth.policies import Policies, Reader
from minikctl.apiserver.auth.rbac import MASTERS, NODES, Action
from minikctl.apiserver.request import User

_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason`: what allows it, or what kept the answer from being complete."""

    allowed: bool
    reason: str = ""


class MissingRole(Exception):
    """A binding refers to a role that does not exist; the text says so as a NotFound error does."""


class Authorizer:
    """Answers questions on the policies of one cluster. `reader`: for what the rights of kubelets follow from."""

    def __init__(self, policies: Policies, reader: Reader | None = None):
        self.policies = policies
        self._reader = reader

    def decide(self, user: User, action: Action) -> Decision:
        if MASTERS in user.groups:
            return Decision(True)
        why = self._of_nodes(user, action)
        if why is None:
            return Decision(True)
        problems: list[str] = []
        for binding, subject, rules in self._granted(user, action.namespace, problems):
            if any(rbac.allows(rule, action) for rule in rules):
                return Decision(True, f"RBAC: allowed by {rbac.described(binding, subject)}")
        reasons = [why, f"RBAC: {_joined(problems)}" if problems else ""]
        return Decision(False, "\n".join(r for r in reasons if r))

    def _of_nodes(self, user: User, action: Action) -> str | None:
        """None when the Node authorizer allows it, else its reason, if any."""
        if NODES not in user.groups or self._reader is None:
            return ""
        from minikctl.apiserver.auth import node_authorizer

        node = node_authorizer.node_of(user)
        return node_authorizer.refused(node, action, self._reader) if node else ""

    def require(self, user: User, action: Action) -> None:
        """Raises ApiError Forbidden."""
        decision = self.decide(user, action)
        if not decision.allowed:
            raise refusal(user, action, decision.reason)

    def rules_for(self, user: User, namespace: str) -> tuple[list[Obj], str]:
        """All rules that apply to a user in a namespace, and what went wrong in finding them."""
        problems: list[str] = []
        rules = [rule for _, _, granted in self._granted(user, namespace, problems) for rule in granted]
        return rules, _joined(problems) if problems else ""

    def role_rules(self, ref: Obj, namespace: str) -> list[Obj]:
        """The rules of the role that a binding in `namespace` refers to. Raises MissingRole."""
        kind, called = str(ref.get("kind") or ""), str(ref.get("name") or "")
        if kind not in ("Role", "ClusterRole"):
            raise MissingRole(f"unsupported role reference kind: {go_quote(kind)}")
        role = self.policies.role(namespace if kind == "Role" else "", called) if kind != "Role" or namespace else None
        if role is None:
            raise MissingRole(f"{kind.lower()}.{rbac.GROUP} {go_quote(called)} not found")
        return role.get("rules") or []

    def _granted(self, user: User, namespace: str, problems: list[str]) -> Iterator[tuple[Obj, Obj, list[Obj]]]:
        """(binding, the subject that the user is, rules), cluster-wide bindings first."""
        keys = rbac.keys_of(user)
        for where in ("", namespace) if namespace else ("",):
            for binding in self.policies.bindings(where, keys):
                subject = rbac.applying_subject(binding, keys)
                if subject is None:
                    continue
                try:
                    yield binding, subject, self.role_rules(binding.get("roleRef") or {}, where)
                except MissingRole as e:
                    problems.append(str(e))


def refusal(user: User, action: Action, reason: str = "") -> ApiError:
    """The 403 of an action."""
    why = f"User {go_quote(user.name)} cannot {action.verb} "
    if action.path:
        why += f"path {go_quote(action.path)}"
        return ApiError(403, "Forbidden", f"forbidden: {_full(why, reason)}")
    why += f"resource {go_quote(action.whole_resource)} in API group {go_quote(action.group)} "
    why += f"in the namespace {go_quote(action.namespace)}" if action.namespace else "at the cluster scope"
    return forbidden(action.resource, action.group, action.name, _full(why, reason))


def _full(why: str, reason: str) -> str:
    why = why.translate(_HTML)
    return f"{why}: {reason}" if reason else why


def _joined(problems: list[str]) -> str:
    unique = list(dict.fromkeys(problems))
    return unique[0] if len(unique) == 1 else "[" + ", ".join(unique) + "]"
