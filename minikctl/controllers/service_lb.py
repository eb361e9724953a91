"""service-lb-controller: the cloud controller's part for Services of type LoadBalancer.

Each gets an address of the host's loopback range, from a /24 of this cluster's own; the service proxy listens there on
the Service's ports. `ipMode: Proxy`: pods cannot reach it, because 127.0.0.0/8 is theirs in their own namespaces.
Clusters with simulated nodes only have nothing that could listen, so their load balancers stay pending; Services with
a loadBalancerClass are somebody else's. Source: Kubernetes `cloud-provider/controllers/service`, KEP-1860, KEP-1959.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Collection
from dataclasses import fields

from minikctl.api.kinds.service import LOAD_BALANCER
from minikctl.api.meta import Obj, is_deleting, key, name, namespace
from minikctl.client.state_dir import Cluster
from minikctl.controllers.base import Controller

LOOPBACK = ipaddress.IPv4Network("127.0.0.0/8")
FAILED = "SyncLoadBalancerFailed"


def range_of(cluster_uid: str) -> ipaddress.IPv4Network:
    """The addresses of a cluster's load balancers: a /24 that is, as good as surely, nobody else's on this machine."""
    number = int.from_bytes(hashlib.sha256(f"{cluster_uid}/load-balancers".encode()).digest()[:2])
    return ipaddress.IPv4Network(f"127.{1 + number // 256 % 254}.{number % 256}.0/24")


def choose(service_key: str, taken: Collection[str], network: ipaddress.IPv4Network) -> str:
    """An address that nobody has, the same one for the same name whenever that is free; "" when all are taken."""
    hosts = [str(h) for h in network.hosts()]
    first = int.from_bytes(hashlib.sha256(service_key.encode()).digest()[:4]) % len(hosts)
    return next((h for h in hosts[first:] + hosts[:first] if h not in taken), "")


def addresses_of(service: Obj) -> list[str]:
    """What stands in status.loadBalancer."""
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return [i.get("ip") or i.get("hostname") or "" for i in ingress]


def is_ours(service: Obj) -> bool:
    spec = service["spec"]
    return spec.get("type") == LOAD_BALANCER and not spec.get("loadBalancerClass") and not is_deleting(service)


class ServiceLBController(Controller):
    name = "service-lb-controller"

    def setup(self) -> None:
        self.services = self.watch("services")
        self._given: dict[str, str] = {}
        """Address → Service, of those that the cache does not show yet."""
        known = {f.name for f in fields(Cluster)}
        settings = {k: v for k, v in self.context.settings.items() if k in known}
        cluster = Cluster(**settings) if "uid" in settings else None
        self._range = None
        if cluster is not None and not all(map(cluster.is_simulated, cluster.node_names())):
            self._range = range_of(cluster.uid)

    def sync(self, object_key: str) -> float | None:
        service = self.services.by_key(object_key)
        if self._range is None:
            return None
        if service is None or not is_ours(service):
            self._given = {a: k for a, k in self._given.items() if k != object_key}
            return None
        if addresses_of(service):
            return None
        address, problem = self._address(service, self._range)
        if not address:
            self.recorder.warning(service, FAILED, f"Error syncing load balancer: {problem}")
            return 60.0
        self._given[address] = object_key
        self.recorder.normal(service, "EnsuringLoadBalancer", "Ensuring load balancer")
        status = {"status": {"loadBalancer": {"ingress": [{"ip": address, "ipMode": "Proxy"}]}}}
        self.client.patch("services", name(service), status, namespace(service), subresource="status")
        self.recorder.normal(service, "EnsuredLoadBalancer", "Ensured load balancer")
        return None

    def _address(self, service: Obj, network: ipaddress.IPv4Network) -> tuple[str, str]:
        """(address, "") or ("", why there is none)."""
        others = {a for s in self.services.list() if key(s) != key(service) for a in addresses_of(s)}
        others |= {a for a, k in self._given.items() if k != key(service)}
        wanted = service["spec"].get("loadBalancerIP")
        if not wanted:
            found = choose(key(service), others, network)
            return found, "" if found else f"all addresses of {network} are taken"
        try:
            if ipaddress.ip_address(wanted) not in LOOPBACK:
                return "", f"loadBalancerIP {wanted} is not in {LOOPBACK}, the only addresses that can be given here"
        except ValueError:
            return "", f"loadBalancerIP {wanted!r} is not an address"
        return ("", f"loadBalancerIP {wanted} is taken by another Service") if wanted in others else (wanted, "")


CONTROLLER = ServiceLBController
