"""The objects that a trace looks at, and how they are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, labels_of, name, namespace
from minikctl.client.protocol import Client
from minikctl.util.errors import EnvironmentProblem

SERVICE_NAME = "kubernetes.io/service-name"
LISTS = {
    "services": "services",
    "slices": "endpointslices.discovery.k8s.io",
    "pods": "pods",
    "ingresses": "ingresses.networking.k8s.io",
    "classes": "ingressclasses.networking.k8s.io",
    "policies": "networkpolicies.networking.k8s.io",
    "namespaces": "namespaces",
    "nodes": "nodes",
}
ADDED = {"gateways": "gateways.gateway.networking.k8s.io", "routes": "httproutes.gateway.networking.k8s.io"}

Listens = Callable[[Obj, int], bool | None]
"""(pod, port) → whether a program takes connections there; None: it cannot be told."""


@dataclass(frozen=True)
class Facts:
    """Everything, as lists. `listens` tries a connection."""

    services: list[Obj] = field(default_factory=list)
    slices: list[Obj] = field(default_factory=list)
    pods: list[Obj] = field(default_factory=list)
    ingresses: list[Obj] = field(default_factory=list)
    classes: list[Obj] = field(default_factory=list)
    policies: list[Obj] = field(default_factory=list)
    namespaces: list[Obj] = field(default_factory=list)
    nodes: list[Obj] = field(default_factory=list)
    gateways: list[Obj] = field(default_factory=list)
    routes: list[Obj] = field(default_factory=list)
    listens: Listens = lambda _pod, _port: None

    def service(self, named: str, in_namespace: str) -> Obj | None:
        return next((s for s in self.services if name(s) == named and namespace(s) == in_namespace), None)

    def pod(self, named: str, in_namespace: str) -> Obj | None:
        return next((p for p in self.pods if name(p) == named and namespace(p) == in_namespace), None)

    def pod_at(self, address: str) -> Obj | None:
        return next((p for p in self.pods if (p.get("status") or {}).get("podIP") == address), None)

    def slices_of(self, service: Obj) -> list[Obj]:
        return [
            s
            for s in self.slices
            if namespace(s) == namespace(service) and labels_of(s).get(SERVICE_NAME) == name(service)
        ]

    def node_addresses(self) -> set[str]:
        return {a["address"] for n in self.nodes for a in (n.get("status") or {}).get("addresses") or []}


def read(client: Client) -> Facts:
    """Raises ApiError."""
    found = {k: client.list(word)["items"] for k, word in LISTS.items()}
    for key, word in ADDED.items():  # where the Gateway API has been added
        found[key] = client.list(word)["items"] if client.kind(word) is not None else []
    return Facts(**found, listens=_Try(client))


class _Try:
    """Asks a pod's node to connect to a port of the pod's address."""

    def __init__(self, client: Client):
        self._client = client

    def __call__(self, pod: Obj, port: int) -> bool | None:
        options = {"port": port, "ports": [port], "address_only": True}
        try:
            stream = self._client.connect("pods", name(pod), namespace(pod), "portforward", options)
        except (ApiError, EnvironmentProblem) as e:
            return False if "connection refused" in str(e).lower() else None
        stream.close()
        return True
