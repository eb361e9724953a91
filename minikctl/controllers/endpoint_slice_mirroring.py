"""endpointslicemirroring-controller: EndpointSlices for hand-made Endpoints of a Service without a selector.

Source: Kubernetes `pkg/controller/endpointslicemirroring`; concept "EndpointSlice mirroring".
"""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import (
    LAST_APPLIED,
    Obj,
    Objects,
    annotations_of,
    is_deleting,
    key,
    labels_of,
    name,
    namespace,
    owner_reference,
)
from minikctl.client.informer import Handler
from minikctl.controllers.base import Controller, cause_of
from minikctl.controllers.common import services
from minikctl.controllers.common.pod_control import is_namespace_terminating
from minikctl.controllers.common.written import Written
from minikctl.controllers.endpoint_slice.desired import Group, address_type_of, endpoint_key, ports_key
from minikctl.controllers.endpoint_slice.reconcile import Changes, NewSlice, reconcile

MANAGED_BY, MANAGER = "endpointslice.kubernetes.io/managed-by", "endpointslicemirroring-controller.k8s.io"
SERVICE_NAME, SKIP = "kubernetes.io/service-name", "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"
INDEX = "mirrored"
MAX_ENDPOINTS = 1000
RETRY_SECONDS = 0.01


class EndpointSliceMirroringController(Controller):
    name = "endpointslicemirroring-controller"

    def setup(self) -> None:
        self.endpoints = self.watch("endpoints")
        self.services = self.watch("services")
        self.slices = self.informers.informer("endpointslices")
        self.slices.add_indexer(INDEX, by_endpoints)
        self.slices.add_handler(Handler(self._slice_changed, lambda _o, n: self._slice_changed(n), self._slice_gone))
        self.written = Written(self.clock)

    def _slice_changed(self, each: Obj) -> None:
        for of in by_endpoints(each):
            if not self.written.is_own(of, each):
                self.queue.add(of, cause_of(each))

    def _slice_gone(self, each: Obj) -> None:
        for of in by_endpoints(each):
            if not self.written.gone(of, each):
                self.queue.add(of, cause_of(each))

    def sync(self, object_key: str) -> float | None:
        if self.written.is_stale(object_key, self.slices):
            return RETRY_SECONDS
        endpoints, service = self.endpoints.by_key(object_key), self.services.by_key(object_key)
        slices = sorted((s for s in self.slices.by_index(INDEX, object_key) if not is_deleting(s)), key=name)
        if endpoints is None or service is None or not is_mirrored(endpoints, service):
            for each in slices:
                self._delete(object_key, each)
            if not slices:
                self.written.forget(object_key)
            return None
        for family in ("IPv4", "IPv6"):
            mine = [s for s in slices if s.get("addressType") == family]
            changes = reconcile(
                groups_of(endpoints, family),
                mine,
                slice_labels(endpoints),
                _maker(endpoints, family),
                keep_placeholder=False,
                maximum=MAX_ENDPOINTS,
            )
            self._carry_out(endpoints, changes)
        return None

    def _carry_out(self, endpoints: Obj, changes: Changes) -> None:
        of = key(endpoints)
        try:
            for each in changes.create:
                self.written.wrote(of, self.client.create("endpointslices", each, namespace(endpoints)))
        except ApiError as e:
            if not is_namespace_terminating(e):
                raise
        for each in changes.update:
            self.written.wrote(of, self.client.update("endpointslices", each))
        for each in changes.delete:
            self._delete(of, each)

    def _delete(self, of: str, each: Obj) -> None:
        self.written.deleted(of, each)
        try:
            self.client.delete("endpointslices", name(each), namespace(each))
        except ApiError as e:
            self.written.gone(of, each)
            if e.reason != "NotFound":
                raise


def is_mirrored(endpoints: Obj, service: Obj) -> bool:
    """Whether Endpoints are somebody's own work, and wanted as slices."""
    skipped = labels_of(endpoints).get(SKIP) == "true" or LEADER in annotations_of(endpoints)
    return not (skipped or is_deleting(endpoints) or services.selector(service) is not None)


def by_endpoints(each: Obj) -> list[str]:
    labels = labels_of(each)
    of = labels.get(SERVICE_NAME)
    return [f"{namespace(each)}/{of}"] if of and labels.get(MANAGED_BY) == MANAGER else []


def slice_labels(endpoints: Obj) -> dict[str, str]:
    return labels_of(endpoints) | {SERVICE_NAME: name(endpoints), MANAGED_BY: MANAGER}


def groups_of(endpoints: Obj, family: str) -> dict[str, Group]:
    """The endpoints of one address type, by their ports. Pure."""
    groups: dict[str, Group] = {}
    for subset in endpoints.get("subsets") or []:
        ports = [_port(p) for p in subset.get("ports") or []]
        for ready, field in ((True, "addresses"), (False, "notReadyAddresses")):
            for address in (subset.get(field) or [])[:MAX_ENDPOINTS]:
                if address_type_of(address["ip"]) != family:
                    continue
                endpoint = _endpoint(address, ready)
                group = groups.setdefault(ports_key(ports), Group(ports))
                group.endpoints.setdefault(endpoint_key(endpoint), endpoint)
    return groups


def _endpoint(address: Obj, ready: bool) -> Obj:
    endpoint: Obj = {
        "addresses": [address["ip"]],
        "conditions": {"ready": ready},
        "hostname": address.get("hostname"),
        "targetRef": address.get("targetRef"),
        "nodeName": address.get("nodeName"),
    }
    return {k: v for k, v in endpoint.items() if v}


def _port(port: Obj) -> Obj:
    entry = {"name": port.get("name") or "", "protocol": port.get("protocol") or "TCP", "port": port["port"]}
    return entry | ({"appProtocol": port["appProtocol"]} if port.get("appProtocol") else {})


def _maker(endpoints: Obj, family: str) -> NewSlice:
    kept = {k: v for k, v in annotations_of(endpoints).items() if k not in (LAST_APPLIED, services.TRIGGER_TIME)}

    def make(ports: Objects) -> Obj:
        metadata: Obj = {
            "generateName": f"{name(endpoints)[:57]}-",
            "namespace": namespace(endpoints),
            "labels": slice_labels(endpoints),
            "ownerReferences": [owner_reference(endpoints)],
        }
        if kept:
            metadata["annotations"] = kept
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": metadata,
            "addressType": family,
            "endpoints": [],
            "ports": list(ports),
        }

    return make


CONTROLLER = EndpointSliceMirroringController
