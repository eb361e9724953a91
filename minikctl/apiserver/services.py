"""Addresses of Services: cluster IPs and node ports, each given to one Service only.

A cluster IP is taken by creating the IPAddress object of that name (KEP-1880), which only one writer can; node ports are
in one object, `ranges/servicenodeports`, changed under its resourceVersion. A writer that dies between taking an
address and storing its Service leaves an address whose owner does not exist: it counts as free.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from minikctl.api.errors import ApiError, FieldError, field_internal, field_invalid, invalid
from minikctl.api.meta import Obj, timestamp
from minikctl.apiserver.metadata import new_uid
from minikctl.apiserver.request import Context
from minikctl.store import StoreExists, StoreMissing, StoreMoved

if TYPE_CHECKING:
    from minikctl.apiserver.server import APIServer

SERVICE_CIDR = "10.96.0.0/16"
PORT_RANGE = "30000-32767"
_PORTS = range(30000, 32768)
_TRIES = 64


def wants_cluster_ip(service: Obj) -> bool:
    spec = service.get("spec", {})
    return bool(spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None")


def wants_node_ports(service: Obj) -> bool:
    spec = service.get("spec", {})
    if spec.get("type") == "LoadBalancer":
        return spec.get("allocateLoadBalancerNodePorts", True) is not False
    return bool(spec.get("type") == "NodePort")


class ServiceAddresses:
    """The registry's storage hook for Services."""

    def __init__(self, api: APIServer):
        self.api = api

    # ------------------------------------------------------------------ hook

    def before_create(self, obj: Obj, ctx: Context) -> Callable[[], None]:
        taken = self._take(obj, None, ctx)
        return lambda: self._release(taken, ctx)

    def before_update(self, obj: Obj, old: Obj, ctx: Context) -> Callable[[bool], None]:
        taken = self._take(obj, old, ctx)
        before, after = self._held(old), self._held(obj)

        def finish(stored: bool) -> None:
            self._release([a for a in before if a not in after] if stored else taken, ctx)

        return finish

    def after_delete(self, obj: Obj, ctx: Context) -> None:
        self._release(self._held(obj), ctx)

    # ------------------------------------------------------------------ taking and releasing

    @staticmethod
    def _held(service: Obj) -> list[str]:
        """The addresses of a Service: `10.96.0.7`, `30080/TCP`."""
        spec = service.get("spec", {})
        ips = [ip for ip in spec.get("clusterIPs") or [] if ip != "None"]
        return [*ips, *dict.fromkeys(str(p["nodePort"]) for p in spec.get("ports") or [] if p.get("nodePort"))]

    def _take(self, obj: Obj, old: Obj | None, ctx: Context) -> list[str]:
        """Give the Service what it needs and lacks; returns what was newly taken. Raises ApiError Invalid."""
        spec, taken = obj["spec"], []
        held = self._held(old) if old else []
        try:
            if wants_cluster_ip(obj) and not (old and spec.get("clusterIP") in held):
                ip = self._take_ip(obj, spec.get("clusterIP") or "", ctx)
                taken.append(ip)
                spec["clusterIP"], spec["clusterIPs"] = ip, [ip]
            if wants_node_ports(obj):
                taken += self._take_ports(obj, held, ctx)
        except BaseException:
            self._release(taken, ctx)
            raise
        return taken

    def _release(self, addresses: list[str], ctx: Context) -> None:
        ports = [int(a) for a in addresses if a.isdigit()]
        for ip in (a for a in addresses if not a.isdigit()):
            with suppress(StoreMissing, StoreMoved):
                self.api.store.delete(f"ipaddresses/{ip}", expect="", actor=ctx.actor, because=ctx.because)
        if ports:
            self._change_ports(lambda held: {p: o for p, o in held.items() if int(p) not in ports}, ctx)

    # ------------------------------------------------------------------ cluster IPs

    def _take_ip(self, service: Obj, wanted: str, ctx: Context) -> str:
        network = ipaddress.ip_network(SERVICE_CIDR)
        if not wanted:
            for ip in self._candidates(network):
                if self._claim(ip, service, ctx):
                    return ip
            error = field_internal("spec.clusterIPs", "failed to allocate a serviceIP: range is full")
            raise _invalid(service, error)
        if ipaddress.ip_address(wanted) not in network:
            why = f"the provided IP ({wanted}) is not in the valid range. The range of valid IPs is {SERVICE_CIDR}"
        elif self._claim(wanted, service, ctx):
            return wanted
        else:
            why = "provided IP is already allocated"
        raise _invalid(service, field_invalid("spec.clusterIPs", [wanted], f"failed to allocate IP {wanted}: {why}"))

    def _candidates(self, network: Any) -> Iterator[str]:
        """Random addresses first; the whole range in order when those were all taken.

        The lowest addresses (16 to 256 of them) are kept for Services that ask for theirs (KEP-3070).
        """
        size = network.num_addresses
        reserved = max(16, min(size // 16, 256))
        for _ in range(_TRIES):
            yield str(network[self.api.rng.randrange(reserved + 1, size - 1)])
        yield from (str(network[i]) for i in [*range(reserved + 1, size - 1), *range(1, reserved + 1)])

    def _claim(self, ip: str, service: Obj, ctx: Context) -> bool:
        meta = service["metadata"]
        address = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IPAddress",
            "metadata": {
                "name": ip,
                "uid": new_uid(self.api.rng),
                "creationTimestamp": timestamp(self.api.clock.now()),
                "labels": {
                    "ipaddress.kubernetes.io/ip-family": "IPv4",
                    "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
                },
            },
            "spec": {"parentRef": {"resource": "services", "namespace": meta["namespace"], "name": meta["name"]}},
        }
        key = f"ipaddresses/{ip}"
        for _ in range(2):
            try:
                self.api.store.create(key, address, actor=ctx.actor, because=ctx.because)
                return True
            except StoreExists:
                if not self._abandoned(key, ctx):
                    return False
        return False

    def _abandoned(self, key: str, ctx: Context) -> bool:
        """Free an address whose Service does not exist (its creator died half-way)."""
        held = self.api.store.get(key)
        if held is None:
            return True
        owner = held["spec"]["parentRef"]
        service = self.api.read("services", owner["namespace"], owner["name"])
        if service and held["metadata"]["name"] in self._held(service):
            return False
        created = held["metadata"]["creationTimestamp"]
        if service is None and created[:16] == timestamp(self.api.clock.now())[:16]:
            return False  # perhaps its Service is just being stored
        with suppress(StoreMissing, StoreMoved):
            version = held["metadata"]["resourceVersion"]
            self.api.store.delete(key, expect=version, actor=ctx.actor, because=ctx.because)
            return True
        return False

    # ------------------------------------------------------------------ node ports

    def _take_ports(self, service: Obj, held: list[str], ctx: Context) -> list[str]:
        meta, ports = service["metadata"], service["spec"].get("ports") or []
        owner = f"{meta['namespace']}/{meta['name']}"
        errors: list[FieldError] = []
        taken: list[str] = []

        def take(allocated: dict[str, str]) -> dict[str, str]:
            errors.clear()
            taken.clear()
            allocated = dict(allocated)
            own: dict[tuple[int, str], None] = {}
            for i, port in enumerate(ports):
                number = port.get("nodePort") or 0
                if number and number not in _PORTS:
                    why = f"provided port is not in the valid range. The range of valid ports is {PORT_RANGE}"
                    errors.append(field_invalid(f"spec.ports[{i}].nodePort", number, why))
                    continue
                if not number:
                    number = self._free_port(allocated)
                    if not number:
                        errors.append(
                            field_internal(f"spec.ports[{i}].nodePort", "failed to allocate a nodePort: range is full")
                        )
                        continue
                elif str(number) in held or any(n == number for n, _ in own):
                    own[(number, port.get("protocol", "TCP"))] = None
                    continue
                elif str(number) in allocated and not self._abandoned_port(number, allocated[str(number)]):
                    errors.append(
                        field_invalid(f"spec.ports[{i}].nodePort", number, "provided port is already allocated")
                    )
                    continue
                port["nodePort"] = number
                own[(number, port.get("protocol", "TCP"))] = None
                allocated[str(number)] = owner
                taken.append(str(number))
            return allocated

        given = [p.get("nodePort") for p in ports]

        def attempt(allocated: dict[str, str]) -> dict[str, str]:
            for port, number in zip(ports, given):  # a retry starts from what the client asked for
                if number:
                    port["nodePort"] = number
                else:
                    port.pop("nodePort", None)
            return take(allocated)

        self._change_ports(attempt, ctx, lambda: bool(errors) or not taken)
        if errors:
            raise _invalid(service, *errors)
        return taken

    def _free_port(self, allocated: dict[str, str]) -> int:
        for _ in range(_TRIES):
            port = self.api.rng.choice(_PORTS[86:])  # the lowest are for those who ask (KEP-3668)
            if str(port) not in allocated:
                return port
        return next((p for p in [*_PORTS[86:], *_PORTS[:86]] if str(p) not in allocated), 0)

    def _abandoned_port(self, port: int, owner: str) -> bool:
        namespace, _, name = owner.partition("/")
        service = self.api.read("services", namespace, name)
        return service is None or str(port) not in self._held(service)

    def _change_ports(
        self,
        change: Callable[[dict[str, str]], dict[str, str]],
        ctx: Context,
        keep: Callable[[], bool] = lambda: False,
    ) -> None:
        """Apply `change` to the table of ports (port → namespace/name); `keep()` afterwards means: store nothing."""
        key, store = "ranges/servicenodeports", self.api.store
        while True:
            stored = store.get(key)
            after = change(dict(stored["ports"]) if stored else {})
            if keep():
                return
            after = dict(sorted(after.items()))
            try:
                if stored is None:
                    head = {"apiVersion": "v1", "kind": "RangeAllocation", "metadata": {"name": "servicenodeports"}}
                    store.create(
                        key, {**head, "range": PORT_RANGE, "ports": after}, actor=ctx.actor, because=ctx.because
                    )
                else:
                    version = stored["metadata"]["resourceVersion"]
                    store.update(key, {**stored, "ports": after}, expect=version, actor=ctx.actor, because=ctx.because)
                return
            except (StoreExists, StoreMoved, StoreMissing):
                continue


def _invalid(service: Obj, *errors: FieldError) -> ApiError:
    return invalid("Service", "", service["metadata"].get("name", ""), list(errors))
