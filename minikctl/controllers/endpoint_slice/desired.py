"""The endpoints that a Service should have, from its pods. Pure.

Pods of one Service can have different port numbers (named target ports): endpoints are grouped by their ports, and a
slice holds one group. Source: Kubernetes `k8s.io/endpointslice` (reconciler.go, utils.go); concept "EndpointSlices".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from minikctl.api.meta import Obj, Objects, is_deleting, labels_of
from minikctl.controllers.common import pods, services

ZONE = "topology.kubernetes.io/zone"

EndpointKey = tuple[object, ...]


@dataclass(slots=True)
class Group:
    """Endpoints with the same ports, by what identifies them."""

    ports: Objects
    endpoints: dict[EndpointKey, Obj] = field(default_factory=dict)


@dataclass(slots=True)
class Desired:
    """Groups by their ports; `problems` are pods left out for a reason that will pass."""

    groups: dict[str, Group] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def desired(service: Obj, members: Objects, address_type: str, node: Callable[[str], Obj | None]) -> Desired:
    """Endpoints of one address type (IPv4, IPv6). members: the Service's pods; node: a node by name."""
    result = Desired()
    publish = bool(service["spec"].get("publishNotReadyAddresses"))
    for pod in members:
        if not services.can_be_endpoint(pod, include_terminating=True):
            continue
        addresses = [a for a in pods.addresses(pod) if address_type_of(a) == address_type]
        if not addresses:
            continue
        where = node(pod["spec"].get("nodeName") or "")
        if where is None and not publish:
            result.problems.append(f"Node {pod['spec'].get('nodeName')} of pod {pod['metadata']['name']} not found")
            continue
        ports = endpoint_ports(service, pod)
        group = result.groups.setdefault(ports_key(ports), Group(ports))
        endpoint = endpoint_of(service, pod, addresses, where)
        group.endpoints[endpoint_key(endpoint)] = endpoint
    return result


def endpoint_of(service: Obj, pod: Obj, addresses: list[str], node: Obj | None) -> Obj:
    """One endpoint, its fields in Kubernetes' order."""
    serving, terminating = pods.is_ready(pod), is_deleting(pod)
    ready = bool(service["spec"].get("publishNotReadyAddresses")) or (serving and not terminating)
    endpoint: Obj = {
        "addresses": addresses,
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "hostname": services.hostname(pod, service),
        "targetRef": services.pod_reference(pod),
        "nodeName": pod["spec"].get("nodeName"),
        "zone": labels_of(node).get(ZONE) if node is not None else None,
    }
    return {k: v for k, v in endpoint.items() if v}


def endpoint_ports(service: Obj, pod: Obj) -> Objects:
    """The Service's ports as this pod has them; a port that the pod does not name is left out."""
    found = []
    for port in service["spec"].get("ports") or []:
        number = services.find_port(pod, port)
        if number is not None:
            entry = {"name": port.get("name") or "", "protocol": port.get("protocol") or "TCP", "port": number}
            found.append(entry | ({"appProtocol": port["appProtocol"]} if port.get("appProtocol") else {}))
    return found


def ports_key(ports: Objects | None) -> str:
    """The same for the same ports in whatever order."""
    shown = [(p.get("name") or "", p.get("protocol"), p.get("port"), p.get("appProtocol")) for p in ports or []]
    return repr(sorted(shown, key=repr))


def endpoint_key(endpoint: Obj) -> EndpointKey:
    """What makes an endpoint the same one as before: its addresses, host name and pod."""
    ref = endpoint.get("targetRef") or {}
    return (*sorted(endpoint["addresses"]), endpoint.get("hostname"), ref.get("namespace"), ref.get("name"))


def address_type_of(address: str) -> str:
    return "IPv6" if ":" in address else "IPv4"
