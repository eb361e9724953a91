"""validatingadmissionpolicy-status-controller: notes in a policy's status where its expressions do not fit its kinds.

Source: Kubernetes `pkg/controller/validatingadmissionpolicystatus`.
"""

from __future__ import annotations

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, generation
from minikctl.api.policy import type_checking
from minikctl.controllers.base import Controller

POLICIES = "validatingadmissionpolicies.admissionregistration.k8s.io"


class PolicyStatusController(Controller):
    name = "validatingadmissionpolicy-status-controller"

    def setup(self) -> None:
        self.policies = self.watch(POLICIES, on_update=self._changed, on_delete=lambda _policy: None)

    def _changed(self, old: Obj, new: Obj) -> None:
        if generation(old) != generation(new):
            self.enqueue(new)

    def sync(self, object_key: str) -> float | None:
        policy = self.policies.by_key(object_key)
        known = ((policy or {}).get("status") or {}).get("observedGeneration") or 0
        if policy is None or generation(policy) <= known:
            return None
        found = type_checking.warnings(policy, self._kind)
        checked: Obj = {"expressionWarnings": found} if found else {}
        status = {**(policy.get("status") or {}), "observedGeneration": generation(policy), "typeChecking": checked}
        self.client.update(POLICIES, {**policy, "status": status}, subresource="status")
        return None

    def _kind(self, group: str, version: str, resource: str) -> Kind | None:
        served = (k for k in self.client.kinds() if (k.group, k.version, k.plural) == (group, version, resource))
        return next(served, None)


CONTROLLER = PolicyStatusController
