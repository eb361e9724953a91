"""service-cidr-controller: says which ranges give addresses, and keeps one that is deleted while Services have its.

Source: Kubernetes `pkg/controller/servicecidrs`.
"""

from __future__ import annotations

from minikctl.api.meta import Obj, condition, is_deleting, name, timestamp
from minikctl.api.service_ranges import holders_left
from minikctl.controllers.base import Controller
from minikctl.controllers.common.finalizers import has_finalizer, with_finalizer, without_finalizer

CIDRS = "servicecidrs.networking.k8s.io"
FINALIZER = "networking.k8s.io/service-cidr-finalizer"
AGAIN = 1.0
"""Seconds after which a range that is being deleted is looked at again."""
READY = {"status": "True", "reason": "", "message": "Kubernetes Service CIDR is ready"}
STILL_USED = {
    "status": "False",
    "reason": "Terminating",
    "message": "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR",
}


class ServiceCIDRController(Controller):
    name = "service-cidr-controller"

    def setup(self) -> None:
        self.cidrs = self.watch(CIDRS, on_delete=lambda _cidr: None)

    def sync(self, object_key: str) -> float | None:
        cidr = self.cidrs.by_key(object_key)
        if cidr is None:
            return None
        if is_deleting(cidr):
            return self._let_go(cidr) if has_finalizer(cidr, FINALIZER) else None
        if not has_finalizer(cidr, FINALIZER):
            cidr = self.client.update(CIDRS, with_finalizer(cidr, FINALIZER))
        self._tell(cidr, READY)
        return None

    def _let_go(self, cidr: Obj) -> float | None:
        others = [c for c in self.cidrs.list() if name(c) != name(cidr)]
        if holders_left(cidr, others, self.client.list("ipaddresses.networking.k8s.io")["items"]):
            self._tell(cidr, STILL_USED)
            return AGAIN
        self.client.update(CIDRS, without_finalizer(cidr, FINALIZER))
        return None

    def _tell(self, cidr: Obj, wanted: Obj) -> None:
        known = condition(cidr, "Ready") or {}
        if all(known.get(field) == value for field, value in wanted.items()):
            return
        ready = {"type": "Ready", "lastTransitionTime": timestamp(self.clock.now()), **wanted}
        others = [c for c in (cidr.get("status") or {}).get("conditions") or [] if c["type"] != "Ready"]
        self.client.update(CIDRS, {**cidr, "status": {"conditions": [*others, ready]}}, subresource="status")


CONTROLLER = ServiceCIDRController
