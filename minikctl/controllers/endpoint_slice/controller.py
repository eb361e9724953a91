"""The controller: keeps the EndpointSlices of every Service that has a selector.

Source: Kubernetes `pkg/controller/endpointslice/endpointslice_controller.go`.
"""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, Objects, is_deleting, key, labels_of, name, namespace, owner_reference, with_metadata
from minikctl.client.informer import Handler
from minikctl.controllers.base import Controller, cause_of
from minikctl.controllers.common import services
from minikctl.controllers.common.pod_control import is_namespace_terminating
from minikctl.controllers.common.written import Written
from minikctl.controllers.endpoint_slice.desired import ZONE, desired
from minikctl.controllers.endpoint_slice.reconcile import Changes, NewSlice, reconcile

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
_RESERVED = frozenset({SERVICE_NAME, MANAGED_BY, services.HEADLESS})
INDEX = "service"
RETRY_SECONDS = 0.01


class EndpointSliceController(Controller):
    name = "endpointslice-controller"

    def setup(self) -> None:
        self.services = self.watch("services")
        self.slices = self.informers.informer("endpointslices")
        self.slices.add_indexer(INDEX, by_service)
        self.slices.add_handler(Handler(self._slice_changed, lambda _o, n: self._slice_changed(n), self._slice_gone))
        self.pods = self.informers.informer("pods")
        self.pods.add_handler(Handler(self._pod_changed, self._pod_updated, self._pod_changed))
        self.nodes = self.informers.informer("nodes")
        self.nodes.add_handler(Handler(self._node_changed, self._node_updated, self._node_changed))
        self.written = Written(self.clock)
        self.trigger_times = services.TriggerTimes()
        self._sizes: dict[str, int] = {}
        """How many pods each Service had last."""

    # ------------------------------------------------------------------ what changed

    def _pod_changed(self, pod: Obj) -> None:
        labels = labels_of(pod)
        for service in self.services.list(namespace(pod)):
            wanted = services.selector(service)
            if wanted is not None and wanted.matches(labels):
                self._enqueue_batched(service, pod)

    def _pod_updated(self, old: Obj, new: Obj) -> None:
        for service in services.concerned(self.services, old, new):
            self._enqueue_batched(service, new)

    def _enqueue_batched(self, service: Obj, pod: Obj) -> None:
        wait = services.batch_seconds(self._sizes.get(key(service), 0))
        self.queue.add_after(key(service), wait, cause_of(pod))

    def _node_changed(self, node: Obj) -> None:
        """A pod counts once its node is known, and shows its node's zone."""
        at = {namespace(p) for p in self.pods.list() if p.get("spec", {}).get("nodeName") == name(node)}
        for of in at:
            for service in self.services.list(of):
                self.queue.add(key(service), cause_of(node))

    def _node_updated(self, old: Obj, new: Obj) -> None:
        if labels_of(old).get(ZONE) != labels_of(new).get(ZONE):
            self._node_changed(new)

    def _slice_changed(self, each: Obj) -> None:
        of = service_key(each)
        if of and not self.written.is_own(of, each):
            self.queue.add(of, cause_of(each))

    def _slice_gone(self, each: Obj) -> None:
        of = service_key(each)
        if of and not self.written.gone(of, each):
            self.queue.add(of, cause_of(each))

    # ------------------------------------------------------------------ sync

    def sync(self, object_key: str) -> float | None:
        service = self.services.by_key(object_key)
        if service is None or is_deleting(service):
            self.written.forget(object_key)
            self.trigger_times.forget(object_key)
            self._sizes.pop(object_key, None)
            return None  # its slices go with it: they name it as their owner
        if services.selector(service) is None or service["spec"].get("type") == "ExternalName":
            return None
        if self.written.is_stale(object_key, self.slices):
            return RETRY_SECONDS
        members = services.pods_behind(service, self.pods)
        self._sizes[object_key] = len(members)
        triggered = self.trigger_times.compute(service, members)
        slices = [s for s in self.slices.by_index(INDEX, object_key) if not is_deleting(s)]
        slices.sort(key=name)
        problems: list[str] = []
        families = service["spec"].get("ipFamilies") or ["IPv4"]
        for family in families:
            wanted = desired(service, members, family, self.nodes.get)
            problems += wanted.problems
            mine = [s for s in slices if s.get("addressType") == family]
            changes = reconcile(wanted.groups, mine, slice_labels(service), _maker(service, family))
            self._carry_out(service, changes, triggered)
        for stray in [s for s in slices if s.get("addressType") not in families]:
            self._delete(object_key, stray)
        return 1.0 if problems else None

    def _carry_out(self, service: Obj, changes: Changes, triggered: str) -> None:
        of = key(service)
        try:
            for each in changes.create:
                made = self.client.create("endpointslices", _stamped(each, triggered), namespace(service))
                self.written.wrote(of, made)
            for each in changes.update:
                self.written.wrote(of, self.client.update("endpointslices", _stamped(each, triggered)))
            for each in changes.delete:
                self._delete(of, each)
        except ApiError as e:
            if is_namespace_terminating(e):
                return
            if e.reason != "Conflict":
                text = f"Error updating Endpoint Slices for Service {of}: {e.message}"
                self.recorder.warning(service, "FailedToUpdateEndpointSlices", text)
            raise

    def _delete(self, of: str, each: Obj) -> None:
        self.written.deleted(of, each)
        try:
            self.client.delete("endpointslices", name(each), namespace(each))
        except ApiError as e:
            self.written.gone(of, each)
            if e.reason != "NotFound":
                raise


def service_key(each: Obj) -> str:
    """The Service of a slice that this controller manages, "" for others'."""
    labels = labels_of(each)
    of = labels.get(SERVICE_NAME)
    return f"{namespace(each)}/{of}" if of and labels.get(MANAGED_BY) == MANAGER else ""


def by_service(each: Obj) -> list[str]:
    of = service_key(each)
    return [of] if of else []


def slice_labels(service: Obj) -> dict[str, str]:
    """The Service's labels, and what says whose slice it is."""
    labels = services.labels_from(service, _RESERVED.__contains__)
    headless = {services.HEADLESS: ""} if services.is_headless(service) else {}
    return labels | headless | {SERVICE_NAME: name(service), MANAGED_BY: MANAGER}


def _maker(service: Obj, family: str) -> NewSlice:
    def make(ports: Objects) -> Obj:
        metadata = {
            "generateName": f"{name(service)[:57]}-",
            "namespace": namespace(service),
            "labels": slice_labels(service),
            "ownerReferences": [owner_reference(service)],
        }
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": metadata,
            "addressType": family,
            "endpoints": [],
            "ports": list(ports),
        }

    return make


def _stamped(each: Obj, triggered: str) -> Obj:
    """With the time of the change that it answers."""
    if not triggered:
        return each
    annotations = each["metadata"].get("annotations") or {}
    return with_metadata(each, annotations={**annotations, services.TRIGGER_TIME: triggered})
