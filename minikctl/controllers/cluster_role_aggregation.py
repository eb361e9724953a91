"""clusterrole-aggregation-controller: a ClusterRole with an aggregationRule has the rules of those that it selects.

Source: Kubernetes concept "Using RBAC Authorization" (aggregated ClusterRoles), `pkg/controller/clusterroleaggregation`.
"""

from __future__ import annotations

from collections.abc import Iterable

from minikctl.api.meta import Obj, labels_of, name
from minikctl.api.selectors import from_label_selector
from minikctl.controllers.base import Controller, cause_of


class ClusterRoleAggregation(Controller):
    name = "clusterrole-aggregation-controller"

    def setup(self) -> None:
        self.roles = self.watch("clusterroles", self._changed)

    def _changed(self, role: Obj) -> None:
        """Any role may be a part of any that is made of others."""
        for other in self.roles.list():
            if other.get("aggregationRule"):
                self.queue.add(name(other), cause_of(role))

    def sync(self, object_key: str) -> float | None:
        role = self.roles.by_key(object_key)
        if role is None or not role.get("aggregationRule"):
            return None
        rules = aggregated(role, self.roles.list())
        if rules != (role.get("rules") or []):
            self.client.update("clusterroles", {**role, "rules": rules})
        return None


def aggregated(role: Obj, roles: Iterable[Obj]) -> list[Obj]:
    """The rules that a role comes to have: those of all that each of its selectors matches, by name, none twice."""
    others = sorted((r for r in roles if name(r) != name(role)), key=name)
    rules: list[Obj] = []
    for wanted in role["aggregationRule"].get("clusterRoleSelectors") or []:
        selector = from_label_selector(wanted)
        for other in others:
            if selector.matches(labels_of(other)):
                rules += [r for r in other.get("rules") or [] if r not in rules]
    return rules


CONTROLLER = ClusterRoleAggregation
