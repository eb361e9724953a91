"""Who answers at a port of a Service. Source: Kubernetes concept Service; KEP-1672 (terminating endpoints)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from minikctl.api.meta import Obj, Objects
from minikctl.ingress.model import Backend, Endpoint

CLUSTER_NAME = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?\.?")
_MOST_HOPS = 5


class Services:
    """The Services and their endpoints, as far as somebody asks. Each backend is worked out once."""

    def __init__(self, find: Callable[[str, str], Obj | None], slices: Callable[[str, str], Objects]):
        self._find, self._slices = find, slices
        self._known: dict[tuple[str, str, object], Backend] = {}
        self.asked: set[tuple[str, str]] = set()

    def backend(self, namespace: str, service: str, port: str | int, hops: int = 0) -> Backend:
        """`port` by number or by name. A backend whom nobody serves has a `problem`."""
        place = (namespace, service, port)
        if place not in self._known:
            self.asked.add((namespace, service))
            self._known[place] = self._resolve(namespace, service, port, hops)
        return self._known[place]

    def _resolve(self, namespace: str, service: str, port: str | int, hops: int) -> Backend:
        name = f"{namespace}/{service}:{port}"
        obj = self._find(namespace, service)
        if obj is None:
            return Backend(name, problem=f'service "{namespace}/{service}" does not exist')
        spec = obj.get("spec") or {}
        if spec.get("type") == "ExternalName":
            return self._external(name, spec, port, hops)
        wanted = [p for p in spec.get("ports") or [] if port in (p.get("port"), p.get("name") or None)]
        if not wanted:
            return Backend(name, problem=f'service "{namespace}/{service}" has no port {port}')
        if (wanted[0].get("protocol") or "TCP") != "TCP":
            return Backend(name, problem=f'port {port} of service "{namespace}/{service}" is not TCP')
        endpoints = ready(self._slices(namespace, service), wanted[0].get("name") or "")
        problem = "" if endpoints else f'service "{namespace}/{service}" has no ready endpoint for port {port}'
        return Backend(name, endpoints, problem)

    def _external(self, name: str, spec: Obj, port: str | int, hops: int) -> Backend:
        """A name outside of the cluster; one of a Service inside leads to that Service."""
        host = spec.get("externalName") or ""
        numbers = [p["port"] for p in spec.get("ports") or [] if port == p.get("name")]
        number = port if isinstance(port, int) else numbers[0] if numbers else 0
        inside = CLUSTER_NAME.fullmatch(host)
        if inside is not None:
            if hops >= _MOST_HOPS:
                return Backend(name, problem="the ExternalName leads from Service to Service without an end")
            there = self.backend(inside[2], inside[1], port, hops + 1)
            return Backend(name, there.endpoints, there.problem)
        if not host or not number:
            return Backend(name, problem=f"an ExternalName has no port called {port}")
        return Backend(name, (Endpoint(host.rstrip("."), number),))


def ready(slices: Iterable[Obj], port_name: str) -> tuple[Endpoint, ...]:
    """The endpoints that take new requests: those that are ready, or, while there is none, those that still serve."""
    up: set[Endpoint] = set()
    leaving: set[Endpoint] = set()
    for one in slices:
        if one.get("addressType", "IPv4") != "IPv4":
            continue
        numbers = [p["port"] for p in one.get("ports") or [] if (p.get("name") or "") == port_name and p.get("port")]
        for entry in (one.get("endpoints") or []) if numbers else ():
            conditions = entry.get("conditions") or {}
            found = {Endpoint(a, n) for a in (entry.get("addresses") or [])[:1] for n in numbers}
            if conditions.get("ready", True) is not False:
                up |= found
            elif conditions.get("terminating") and conditions.get("serving"):
                leaving |= found
    return tuple(sorted(up or leaving))
