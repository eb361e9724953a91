"""resourcequota-controller: what the objects of a namespace use of its quotas.

Admission adds to a quota's usage what it lets through. This controller makes the first count, takes off what is
deleted or has ended, and counts anew a moment after every charge, so that what was charged and then not stored does
not stay. It never lowers a usage in the first moments after a charge: the object that was charged may still be on its
way into the store.

Source: Kubernetes `pkg/controller/resourcequota`.
"""

from __future__ import annotations

from collections.abc import Callable

from minikctl.api.meta import Obj, Objects, key, namespace
from minikctl.api.policy import amounts
from minikctl.api.policy.quota import accounting
from minikctl.api.policy.quota.measures import Measure, measure_of
from minikctl.client.informer import Handler, Informer
from minikctl.controllers.base import Controller, cause_of

SETTLING_SECONDS = 0.2
RECOUNT_SECONDS = 1.0
RESYNC_SECONDS = 300.0
_LOADING_SECONDS = 0.05


class ResourceQuotaController(Controller):
    name = "resourcequota-controller"

    def setup(self) -> None:
        self._monitors: dict[str, Informer | None] = {}
        self._charged_at: dict[str, float] = {}
        self.quotas = self.watch("resourcequotas", on_update=self._changed, on_delete=self._gone)

    def _changed(self, old: Obj, new: Obj) -> None:
        object_key = key(new)
        if old.get("spec") != new.get("spec"):
            self.enqueue(new)
        if old.get("status") != new.get("status"):
            self._charged_at[object_key] = self.clock.monotonic()
            self.queue.add_after(object_key, RECOUNT_SECONDS, cause_of(new))

    def _gone(self, quota: Obj) -> None:
        self._charged_at.pop(key(quota), None)

    # ------------------------------------------------------------------ what is counted

    def _monitor(self, resource: str) -> Informer | None:
        """The informer of a resource, followed from now on; None when there is no such resource."""
        if resource not in self._monitors:
            plural, _, group = resource.partition(".")
            measure = measure_of(plural, group)
            try:
                informer = self.informers.informer(resource)
            except KeyError:
                return None  # a definition may bring it later
            if measure is None or not informer.kind.namespaced or informer.kind.resource != resource:
                self._monitors[resource] = None
                return None
            informer.add_handler(self._handler(resource, measure))
            self._monitors[resource] = informer
            self.informers.start()
        return self._monitors[resource]

    def _handler(self, resource: str, measure: Measure) -> Handler:
        def recount(obj: Obj) -> None:
            for quota in self.quotas.list(namespace(obj)):
                if resource in accounting.tracked(quota):
                    self.queue.add(key(quota), cause_of(obj))

        def update(old: Obj, new: Obj) -> None:
            if measure.shrinks(old, new, self.clock.now()):
                recount(new)

        return Handler(lambda _obj: None, update, recount)

    def _objects(self, of_namespace: str) -> Callable[[str], Objects | None]:
        def listed(resource: str) -> Objects | None:
            informer = self._monitor(resource)
            return informer.list(of_namespace) if informer is not None else None

        return listed

    # ------------------------------------------------------------------ counting

    def sync(self, object_key: str) -> float | None:
        quota = self.quotas.by_key(object_key)
        if quota is None:
            return None
        monitors = [m for r in accounting.tracked(quota) if (m := self._monitor(r)) is not None]
        if not all(m.synced.is_set() for m in monitors):
            return _LOADING_SECONDS
        hard = (quota.get("spec") or {}).get("hard") or {}
        status = quota.get("status") or {}
        known = status.get("used") or {}
        used = accounting.count(quota, self._objects(namespace(quota)), self.clock.now())
        if status.get("hard", {}) == hard and amounts.equal(used, known):
            return RESYNC_SECONDS
        if amounts.exceeding(known, used) and self._is_settling(object_key):
            return SETTLING_SECONDS
        counted = {"hard": hard, "used": dict(sorted(used.items()))}
        self.client.update("resourcequotas", {**quota, "status": counted}, subresource="status")
        return RESYNC_SECONDS

    def _is_settling(self, object_key: str) -> bool:
        charged_at = self._charged_at.get(object_key)
        return charged_at is not None and self.clock.monotonic() < charged_at + SETTLING_SECONDS


CONTROLLER = ResourceQuotaController
