"""What names are made of: Services, their ready endpoints, namespaces, as a cache of each kind knows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from minikctl.api.meta import Obj, labels_of, namespace
from minikctl.client.informer import Handler, Informer, InformerFactory

SERVICE_NAME = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that is published under a Service. ports: (name, protocol, number)."""

    address: str
    hostname: str
    ports: tuple[tuple[str, str, int], ...]


class Records:
    """The objects behind the names, from three informers. Everything it gives is for reading only."""

    def __init__(self, services: Informer, slices: Informer, namespaces: Informer):
        self._services, self._slices, self._namespaces = services, slices, namespaces
        services.add_indexer("clusterIP", _cluster_ips)
        slices.add_indexer("service", _service_of)
        slices.add_indexer("address", _addresses_of)

    @classmethod
    def of(cls, informers: InformerFactory) -> Records:
        return cls(*(informers.informer(w) for w in ("services", "endpointslices.discovery.k8s.io", "namespaces")))

    def on_change(self, changed: Callable[[], None]) -> None:
        """Have `changed` called, in another thread, whenever a name may mean something else than before."""
        handler = Handler(lambda _o: changed(), lambda _a, _b: changed(), lambda _o: changed())
        for informer in (self._services, self._slices, self._namespaces):
            informer.add_handler(handler)

    def has_namespace(self, name: str) -> bool:
        return self._namespaces.get(name) is not None

    def service(self, name: str, in_namespace: str) -> Obj | None:
        return self._services.get(name, in_namespace)

    def endpoints(self, name: str, in_namespace: str) -> list[Endpoint]:
        """Those that are to be found by name: the ready ones (publishNotReadyAddresses makes all of them ready)."""
        slices = self._slices.by_index("service", f"{in_namespace}/{name}")
        return sorted((e for s in slices for e in _ready(s)), key=lambda e: e.address)

    def service_at(self, address: str) -> Obj | None:
        """The Service with this cluster IP."""
        return next(iter(self._services.by_index("clusterIP", address)), None)

    def endpoints_at(self, address: str) -> list[tuple[str, str, Endpoint]]:
        """Service, namespace and endpoint of each Service that publishes this address."""
        found = []
        for one in self._slices.by_index("address", address):
            service = labels_of(one).get(SERVICE_NAME, "")
            if service and self._services.get(service, namespace(one)) is not None:
                found += [(service, namespace(one), e) for e in _ready(one) if e.address == address]
        return found


def hostname_of(endpoint: Endpoint) -> str:
    """The label below the Service's name: the pod's hostname, else the address with dashes."""
    return endpoint.hostname or endpoint.address.replace(".", "-").replace(":", "-")


def _ready(slice_: Obj) -> Iterator[Endpoint]:
    ports = tuple(
        (p.get("name") or "", p.get("protocol") or "TCP", p["port"])
        for p in slice_.get("ports") or []
        if p.get("port") is not None
    )
    for endpoint in slice_.get("endpoints") or []:
        if (endpoint.get("conditions") or {}).get("ready") is False:
            continue
        for address in endpoint["addresses"][:1]:  # they stand for the same
            yield Endpoint(address, endpoint.get("hostname") or "", ports)


def _cluster_ips(service: Obj) -> Iterable[str]:
    spec = service["spec"]
    return [ip for ip in spec.get("clusterIPs") or [spec.get("clusterIP")] if ip and ip != "None"]


def _service_of(slice_: Obj) -> Iterable[str]:
    service = labels_of(slice_).get(SERVICE_NAME)
    return [f"{namespace(slice_)}/{service}"] if service and slice_.get("addressType") != "FQDN" else []


def _addresses_of(slice_: Obj) -> Iterable[str]:
    return {a for e in slice_.get("endpoints") or [] for a in e["addresses"]} if _service_of(slice_) else []
