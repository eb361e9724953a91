"""Addresses of Services: cluster IPs and node ports, each given to one Service only.

A cluster IP is taken by creating the IPAddress object of that name (KEP-1880), which only one writer can; it comes from
the cluster's own range, and when that is full, or the Service asks for one, from other ready ServiceCIDRs. Node ports are
in one object, `ranges/servicenodeports`, changed under its resourceVersion. A writer that dies between taking an
address and storing its Service leaves an address whose owner does not exist: it counts as free after a while (`GRACE`),
when its Service is surely not just being stored.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from minikctl.api.durations import parse_time
from minikctl.api.errors import ApiError, FieldError, field_invalid, internal, invalid
from minikctl.api.kinds.service import (
    HEADLESS,
    infer_families,
    is_headless,
    keep_allocated,
    needs_cluster_ip,
    needs_health_check_port,
    needs_node_ports,
    sync_cluster_ips,
)
from minikctl.api.meta import Obj, timestamp
from minikctl.api.service_ranges import ALLOCATOR, MANAGED_BY, gives_addresses, networks_of
from minikctl.apiserver.metadata import new_uid
from minikctl.apiserver.request import Context
from minikctl.store import StoreExists, StoreMissing, StoreMoved

if TYPE_CHECKING:
    from minikctl.apiserver.server import APIServer

SERVICE_CIDR = "10.96.0.0/16"
PORT_RANGE = "30000-32767"
_PORTS = range(30000, 32768)
_TRIES = 64
GRACE = 30
"""Seconds between taking an address and storing its Service, at most."""


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
        before = self._held(old)

        def finish(stored: bool) -> None:
            after = self._held(obj)
            self._release([a for a in before if a not in after] if stored else taken, ctx)

        return finish

    def after_write(self, _obj: Obj, _ctx: Context) -> None:
        return None

    def after_delete(self, obj: Obj, ctx: Context) -> None:
        self._release(self._held(obj), ctx)

    # ------------------------------------------------------------------ taking and releasing

    @staticmethod
    def _held(service: Obj) -> list[str]:
        """The addresses of a Service: `10.96.0.7`, `30080`."""
        spec = service.get("spec", {})
        ips = [ip for ip in spec.get("clusterIPs") or [] if ip != HEADLESS]
        ports = [p.get("nodePort") for p in spec.get("ports") or []] + [spec.get("healthCheckNodePort")]
        return [*ips, *dict.fromkeys(str(p) for p in ports if p)]

    def _take(self, obj: Obj, old: Obj | None, ctx: Context) -> list[str]:
        """Give the Service what it needs and lacks; returns what was newly taken. Raises ApiError Invalid."""
        if not obj["metadata"].get("name"):
            return []  # validation refuses it
        spec = obj["spec"]
        before = old["spec"] if old else None
        if before is not None:
            keep_allocated(spec, before)
        sync_cluster_ips(spec, before)
        errors = infer_families(spec, before)
        if errors:
            raise _invalid(obj, *errors)
        held = self._held(old) if old else []
        taken: list[str] = []
        try:
            if needs_cluster_ip(spec) and not is_headless(spec) and not self._keeps_ip(spec, before):
                ip = self._take_ip(obj, spec.get("clusterIP") or "", ctx)
                taken.append(ip)
                spec["clusterIP"], spec["clusterIPs"] = ip, [ip]
            if needs_node_ports(spec) or needs_health_check_port(spec):
                taken += self._take_ports(obj, held, ctx)
        except BaseException:
            self._release(taken, ctx)
            raise
        return taken

    @staticmethod
    def _keeps_ip(spec: Obj, before: Obj | None) -> bool:
        """Whether the Service had an address: it keeps it, or validation says that it may not change."""
        return bool(before and before.get("clusterIP") and before["clusterIP"] != HEADLESS)

    def _release(self, addresses: list[str], ctx: Context) -> None:
        if ctx.dry_run or not addresses:
            return
        ports = [int(a) for a in addresses if a.isdigit()]
        for ip in (a for a in addresses if not a.isdigit()):
            with suppress(StoreMissing, StoreMoved):
                self.api.store.delete(f"ipaddresses/{ip}", expect="", actor=ctx.actor, because=ctx.because)
        if ports:
            self._change_ports(lambda held, _fresh: {p: o for p, o in held.items() if int(p) not in ports}, ctx)

    # ------------------------------------------------------------------ cluster IPs

    def _take_ip(self, service: Obj, wanted: str, ctx: Context) -> str:
        networks = self._ranges()
        if not wanted:
            for ip in chain.from_iterable(self._candidates(n) for n in networks):
                if self._claim(ip, service, ctx):
                    return ip
            raise internal("failed to allocate a serviceIP: range is full")
        if not any(ipaddress.ip_address(wanted) in n for n in networks):
            why = "the provided network does not match the current range"
        elif self._claim(wanted, service, ctx):
            return wanted
        else:
            why = "provided IP is already allocated"
        raise _invalid(service, field_invalid("spec.clusterIPs", [wanted], f"failed to allocate IP {wanted}: {why}"))

    def _ranges(self) -> list[ipaddress.IPv4Network]:
        """Where addresses may come from: this cluster's own range first."""
        own = ipaddress.IPv4Network(SERVICE_CIDR)
        others = [n for c in self.api.read_all("servicecidrs") if gives_addresses(c) for n in networks_of(c)]
        return [own, *(n for n in others if isinstance(n, ipaddress.IPv4Network) and not n.subnet_of(own))]

    def _candidates(self, network: ipaddress.IPv4Network) -> Iterator[str]:
        """Random addresses first; the whole range in order when those were all taken.

        The lowest addresses (16 to 256 of them) are kept for Services that ask for theirs (KEP-3070), but in small ranges.
        """
        last = network.num_addresses - 1
        reserved = 0 if last < 16 else max(16, min(network.num_addresses // 16, 256))
        for _ in range(_TRIES if last > reserved + 1 else 0):
            yield str(network[self.api.rng.randrange(reserved + 1, last)])
        yield from (str(network[i]) for i in [*range(reserved + 1, last), *range(1, min(reserved + 1, last))])

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
                    MANAGED_BY: ALLOCATOR,
                },
            },
            "spec": {"parentRef": {"resource": "services", "namespace": meta["namespace"], "name": meta["name"]}},
        }
        key = f"ipaddresses/{ip}"
        if ctx.dry_run:
            return self.api.store.get(key) is None
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
        if service is None and self._is_fresh(held["metadata"]["creationTimestamp"]):
            return False
        with suppress(StoreMissing, StoreMoved):
            version = held["metadata"]["resourceVersion"]
            self.api.store.delete(key, expect=version, actor=ctx.actor, because=ctx.because)
            return True
        return False

    def _is_fresh(self, since: str) -> bool:
        """Whether an address was taken just now: perhaps its Service is just being stored."""
        return abs((self.api.clock.now() - parse_time(since)).total_seconds()) < GRACE

    # ------------------------------------------------------------------ node ports

    def _take_ports(self, service: Obj, held: list[str], ctx: Context) -> list[str]:
        """Give every port its node port; ports with the same number (TCP and UDP 53) share one."""
        spec = service["spec"]
        owner = f"{service['metadata']['namespace']}/{service['metadata']['name']}"
        wanted = [p.get("nodePort") or 0 for p in spec.get("ports") or []]
        wanted_health = spec.get("healthCheckNodePort") or 0
        taken: list[str] = []

        def take(allocated: dict[str, str], fresh: Collection[str]) -> dict[str, str]:
            chooser = _PortChooser(self, service, owner, dict(allocated), held, fresh)
            if needs_node_ports(spec):
                chooser.node_ports(wanted)
            if needs_health_check_port(spec):
                chooser.health_check_port(wanted_health)
            taken[:] = chooser.taken
            return chooser.allocated

        self._change_ports(take, ctx, lambda: ctx.dry_run or not taken, taken)
        return taken

    def free_port(self, allocated: dict[str, str], fresh: Collection[str]) -> int:
        """A port that nobody has, or that was left behind; 0 when there is none."""
        for _ in range(_TRIES):
            port = self.api.rng.choice(_PORTS[86:])  # the lowest are for those who ask (KEP-3668)
            if str(port) not in allocated:
                return port
        in_order = [*_PORTS[86:], *_PORTS[:86]]
        free = next((p for p in in_order if str(p) not in allocated), 0)
        return free or next((p for p in in_order if self.abandoned_port(p, allocated[str(p)], fresh)), 0)

    def abandoned_port(self, port: int, owner: str, fresh: Collection[str]) -> bool:
        """Whether the owner of a port does not have it (`fresh`: those taken just now)."""
        namespace, _, name = owner.partition("/")
        service = self.api.read("services", namespace, name)
        return str(port) not in (fresh if service is None else self._held(service))

    def _change_ports(
        self,
        change: Callable[[dict[str, str], Collection[str]], dict[str, str]],
        ctx: Context,
        keep: Callable[[], bool] = lambda: False,
        taken: Sequence[str] = (),
    ) -> None:
        """Apply `change` to the table of ports (port → namespace/name) and those taken just now; `keep()` afterwards
        means: store nothing. `taken`: the ports that the change takes, filled by it."""
        key, store = "ranges/servicenodeports", self.api.store
        while True:
            stored = store.get(key)
            since = {p: t for p, t in ((stored or {}).get("takenAt") or {}).items() if self._is_fresh(t)}
            after = change(dict(stored["ports"]) if stored else {}, since)
            if keep():
                return
            after = dict(sorted(after.items()))
            since = {p: t for p, t in since.items() if p in after} | dict.fromkeys(
                taken, timestamp(self.api.clock.now())
            )
            try:
                if stored is None:
                    head = {"apiVersion": "v1", "kind": "RangeAllocation", "metadata": {"name": "servicenodeports"}}
                    table = {**head, "range": PORT_RANGE, "ports": after, "takenAt": since}
                    store.create(key, table, actor=ctx.actor, because=ctx.because)
                else:
                    version = stored["metadata"]["resourceVersion"]
                    table = {**stored, "ports": after, "takenAt": since}
                    store.update(key, table, expect=version, actor=ctx.actor, because=ctx.because)
                return
            except (StoreExists, StoreMoved, StoreMissing):
                continue


@dataclass
class _PortChooser:
    """One attempt to find the node ports of a Service in the table of those that are taken."""

    addresses: ServiceAddresses
    service: Obj
    owner: str
    allocated: dict[str, str]
    held: list[str]
    fresh: Collection[str] = ()
    taken: list[str] = field(default_factory=list)

    def node_ports(self, wanted: list[int]) -> None:
        ports = self.service["spec"].get("ports") or []
        chosen: dict[int, int] = {}
        for i, (port, number) in enumerate(zip(ports, wanted)):
            same = chosen.get(port["port"]) or next(
                (n for p, n in zip(ports, wanted) if n and p["port"] == port["port"]), 0
            )
            number = number or same
            if not number:
                number = self._any("failed to allocate a nodePort")
            elif number not in chosen.values():
                self._claim(number, f"spec.ports[{i}].nodePort", "{}")
            port["nodePort"] = chosen[port["port"]] = number

    def health_check_port(self, wanted: int) -> None:
        if wanted:
            self._claim(
                wanted, "spec.healthCheckNodePort", f"failed to allocate requested HealthCheck NodePort {wanted}: {{}}"
            )
        else:
            wanted = self._any("failed to allocate a HealthCheck NodePort")
        self.service["spec"]["healthCheckNodePort"] = wanted

    def _claim(self, number: int, path: str, text: str) -> None:
        """A port that the Service names. Raises ApiError Invalid when it cannot have it."""
        if str(number) in self.held:
            return
        if number not in _PORTS:
            why = f"provided port is not in the valid range. The range of valid ports is {PORT_RANGE}"
            raise _invalid(self.service, field_invalid(path, number, text.format(why)))
        owner = self.allocated.get(str(number))
        if owner is not None and not self.addresses.abandoned_port(number, owner, self.fresh):
            raise _invalid(self.service, field_invalid(path, number, text.format("provided port is already allocated")))
        self._note(number)

    def _any(self, failure: str) -> int:
        number = self.addresses.free_port(self.allocated, {*self.fresh, *self.taken})
        if not number:
            raise internal(f"{failure}: range is full")
        self._note(number)
        return number

    def _note(self, number: int) -> None:
        self.allocated[str(number)] = self.owner
        self.taken.append(str(number))


def _invalid(service: Obj, *errors: FieldError) -> ApiError:
    return invalid("Service", "", service["metadata"].get("name", ""), list(errors))
