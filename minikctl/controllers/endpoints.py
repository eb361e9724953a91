"""endpoint-controller: the older picture of what stands behind a Service, one Endpoints object each.

Source: Kubernetes `pkg/controller/endpoint/endpoints_controller.go` and `pkg/api/v1/endpoints/util.go`.
"""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, Objects, annotations_of, is_deleting, key, labels_of, name, namespace, with_metadata
from minikctl.client.informer import Handler
from minikctl.controllers.base import Controller, cause_of
from minikctl.controllers.common import pods, services
from minikctl.controllers.common.pod_control import is_namespace_terminating
from minikctl.controllers.common.written import Written

MANAGED_BY, MANAGER = "endpoints.kubernetes.io/managed-by", "endpoint-controller"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
MAX_ADDRESSES = 1000
RETRY_SECONDS = 0.01


class EndpointsController(Controller):
    name = "endpoint-controller"

    def setup(self) -> None:
        self.services = self.watch("services")
        self.endpoints = self.watch("endpoints", self._endpoints_changed, on_delete=self._endpoints_gone)
        self.pods = self.informers.informer("pods")
        self.pods.add_handler(Handler(self._pod_changed, self._pod_updated, self._pod_changed))
        self.trigger_times = services.TriggerTimes()
        self.written = Written(self.clock)
        self._sizes: dict[str, int] = {}
        """How many pods each Service had last."""

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

    def _endpoints_changed(self, endpoints: Obj) -> None:
        if not self.written.is_own(key(endpoints), endpoints):
            self.enqueue(endpoints)

    def _endpoints_gone(self, endpoints: Obj) -> None:
        if not self.written.gone(key(endpoints), endpoints):
            self.enqueue(endpoints)

    def sync(self, object_key: str) -> float | None:
        if self.written.is_stale(object_key, self.endpoints):
            return RETRY_SECONDS
        service = self.services.by_key(object_key)
        present = self.endpoints.by_key(object_key)
        if service is None or is_deleting(service):
            self.trigger_times.forget(object_key)
            self._sizes.pop(object_key, None)
            if present is None:
                self.written.forget(object_key)
            elif labels_of(present).get(MANAGED_BY) == MANAGER:
                self._delete(present)
            return None
        if services.selector(service) is None or service["spec"].get("type") == "ExternalName":
            return None
        members = services.pods_behind(service, self.pods)
        self._sizes[object_key] = len(members)
        triggered = self.trigger_times.compute(service, members)
        wanted = endpoints_of(service, members)
        if present is None:
            self._create(service, wanted, triggered)
        elif _content(present) != _content(wanted):
            self._update(present, wanted, triggered)
        return None

    def _create(self, service: Obj, wanted: Obj, triggered: str) -> None:
        if triggered:
            wanted = with_metadata(wanted, annotations={**annotations_of(wanted), services.TRIGGER_TIME: triggered})
        try:
            self.written.wrote(key(service), self.client.create("endpoints", wanted, namespace(service)))
        except ApiError as e:
            if is_namespace_terminating(e):
                return
            text = f"Failed to create endpoint for service {key(service)}: {e.message}"
            self.recorder.warning(service, "FailedToCreateEndpoint", text)
            raise

    def _update(self, present: Obj, wanted: Obj, triggered: str) -> None:
        annotations = {k: v for k, v in annotations_of(present).items() if k != OVER_CAPACITY} | annotations_of(wanted)
        if triggered:
            annotations[services.TRIGGER_TIME] = triggered
        changed = with_metadata(present, labels=labels_of(wanted), annotations=annotations or None)
        stored = self.client.update("endpoints", {**changed, "subsets": wanted["subsets"]})
        self.written.wrote(key(present), stored)

    def _delete(self, present: Obj) -> None:
        self.written.deleted(key(present), present)
        try:
            self.client.delete("endpoints", name(present), namespace(present))
        except ApiError as e:
            self.written.gone(key(present), present)
            if e.reason != "NotFound":
                raise


def endpoints_of(service: Obj, members: Objects) -> Obj:
    """The Endpoints of a Service. members: its pods. Pure."""
    labels = services.labels_from(service, lambda k: k in (MANAGED_BY, services.HEADLESS))
    if services.is_headless(service):
        labels[services.HEADLESS] = ""
    subsets, cut = subsets_of(service, members)
    metadata: Obj = {
        "name": name(service),
        "namespace": namespace(service),
        "labels": labels | {MANAGED_BY: MANAGER},
        **({"annotations": {OVER_CAPACITY: "truncated"}} if cut else {}),
    }
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": subsets}


def subsets_of(service: Obj, members: Objects) -> tuple[Objects, bool]:
    """Ports with the same addresses together, addresses sorted; and whether there were too many addresses."""
    publish = bool(service["spec"].get("publishNotReadyAddresses"))
    ports = service["spec"].get("ports") or []
    entries = []
    for pod in members:
        if not services.can_be_endpoint(pod, include_terminating=publish):
            continue
        found = [_port(p, number) for p in ports if (number := services.find_port(pod, p)) is not None]
        if found or (services.is_headless(service) and not ports):
            entries.append((_address(service, pod), publish or pods.is_ready(pod), found or [{}]))
    entries.sort(key=lambda e: (not e[1], _sort_key(e[0])))  # when there are too many, those that are ready stay
    return _repacked(entries[:MAX_ADDRESSES]), len(entries) > MAX_ADDRESSES


def _repacked(entries: list[tuple[Obj, bool, Objects]]) -> Objects:
    """From (address, ready, ports) to subsets. A headless Service without ports has one, empty, port here."""
    by_port: dict[str, tuple[Obj, Objects, Objects]] = {}
    for address, ready, found in entries:
        for port in found:
            _, ready_ones, others = by_port.setdefault(repr(port), (port, [], []))
            (ready_ones if ready else others).append(address)
    by_addresses: dict[str, Obj] = {}
    for port, ready_ones, others in by_port.values():
        subset = {"addresses": ready_ones, "notReadyAddresses": others, "ports": []}
        place = repr([[_sort_key(a) for a in part] for part in (ready_ones, others)])
        by_addresses.setdefault(place, subset)["ports"] += [port] if port else []
    for subset in by_addresses.values():
        subset["ports"].sort(key=lambda p: (p.get("name", ""), p["port"], p["protocol"]))
    return [{k: v for k, v in subset.items() if v} for _, subset in sorted(by_addresses.items())]


def _sort_key(address: Obj) -> tuple[str, str]:
    return address["ip"], address["targetRef"]["uid"]


def _address(service: Obj, pod: Obj) -> Obj:
    address = {
        "ip": pods.addresses(pod)[0],
        "hostname": services.hostname(pod, service),
        "nodeName": pod["spec"].get("nodeName"),
        "targetRef": services.pod_reference(pod),
    }
    return {k: v for k, v in address.items() if v}


def _port(service_port: Obj, number: int) -> Obj:
    port = {
        "name": service_port.get("name") or "",
        "port": number,
        "protocol": service_port.get("protocol") or "TCP",
        "appProtocol": service_port.get("appProtocol"),
    }
    return {k: v for k, v in port.items() if v}


def _content(endpoints: Obj) -> tuple[object, ...]:
    """What has to be right; the trigger time alone is no reason to write."""
    return (
        endpoints.get("subsets") or [],
        labels_of(endpoints),
        annotations_of(endpoints).get(OVER_CAPACITY),
    )


CONTROLLER = EndpointsController
