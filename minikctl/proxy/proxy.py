"""Follows Services, EndpointSlices, nodes and pods' host ports, and has the backend and the relay do as `rules` says.

A change is carried out at once by one thread; what comes while it works is taken together in its next turn. A failure
of the backend is logged and everything is loaded anew a moment later.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, key, labels_of
from minikctl.client import Client
from minikctl.client.events import EventRecorder
from minikctl.client.informer import Handler, Informer, InformerFactory
from minikctl.proxy import conntrack
from minikctl.proxy.fronts import Front, Fronts, host_fronts, inside_fronts, loopback_fronts
from minikctl.proxy.health import Health, HealthPorts, Place, healths
from minikctl.proxy.host import HostGone
from minikctl.proxy.policy.conditions import NodeConditions
from minikctl.proxy.rules import (
    SERVICE_NAME,
    BackendFailure,
    Clash,
    Key,
    Node,
    Target,
    has_host_ports,
    host_port_targets,
    is_inside,
    nodes_of,
    refused_ports,
    targets_of,
    together,
)

log = logging.getLogger("proxy")
COMPONENT = "kube-proxy"
RETRY_SECONDS = 2.0
"""After a failure of the backend, and for ports that could not be opened."""
INDEX = "service"


class Backend(Protocol):
    """What serves targets inside the cluster. `apply` brings it to these targets; raises BackendFailure."""

    name: str

    def apply(self, targets: Mapping[Key, Target], nodes: Mapping[str, Node]) -> None: ...


class Routes(Protocol):
    """The router's routes to addresses of Services."""

    def keep(self, local: Iterable[str], passing: Iterable[str]) -> None:
        """local: addresses that this process answers itself; passing: those that the kernel rewrites."""
        ...


class HostPorts:
    """The pods that have host ports, of all pods: a `Sink` for a reflector."""

    def __init__(self, changed: Callable[[], None]):
        self.pods: dict[str, Obj] = {}
        self.synced = threading.Event()
        self._changed = changed

    def replace(self, objects: list[Obj]) -> None:
        self.pods = {key(p): p for p in objects if has_host_ports(p)}
        self.synced.set()
        self._changed()

    def apply(self, event_type: str, obj: Obj) -> None:
        name = key(obj)
        if event_type == "DELETED" or not has_host_ports(obj):
            if self.pods.pop(name, None) is None:
                return
        else:
            self.pods[name] = obj
        self._changed()


class Proxy:
    """See the module. `sync` may be called by tests; `start` has a thread do it."""

    def __init__(
        self,
        client: Client,
        fronts: Fronts,
        backend: Backend | None,
        *,
        inside: Iterable[str] = (),
        routes: Routes | None = None,
        health: HealthPorts | None = None,
        conditions: NodeConditions | None = None,
    ):
        """backend None: the relay serves the cluster's addresses too. inside: the cluster's own networks; empty: there
        is no cluster network, and only what is on the host's side can be served. conditions: what is said of nodes."""
        self.client = client.for_actor(COMPONENT)
        self.recorder = EventRecorder(self.client, COMPONENT)
        self._fronts, self._backend, self._routes, self._health = fronts, backend, routes, health
        self._conditions = conditions
        self._networks = [ipaddress.IPv4Network(n) for n in inside]
        self._lock = threading.Lock()
        self._dirty: set[str] = set()
        self._all_dirty = self._pods_dirty = True
        self._wake = threading.Event()
        self._stopped = False
        self._of_services: dict[str, list[Target]] = {}
        self._of_pods: list[Target] = []
        self._healths: dict[str, dict[Place, Health]] = {}
        self._nodes: dict[str, Node] = {}
        self._udp: dict[tuple[str, int], frozenset[tuple[str, int]]] = {}
        self._clashes: set[Clash] = set()
        self._refused: set[tuple[str, int]] = set()
        self._thread: threading.Thread | None = None
        self._follow(InformerFactory(self.client))

    # ------------------------------------------------------------------ following

    def _follow(self, informers: InformerFactory) -> None:
        self._informers = informers
        self.services: Informer = informers.informer("services")
        self.slices: Informer = informers.informer("endpointslices", indexers={INDEX: _by_service})
        self.nodes: Informer = informers.informer("nodes")
        self.pods = HostPorts(self._pods_changed)
        self.services.add_handler(Handler(self._service, lambda _o, n: self._service(n), self._service))
        self.slices.add_handler(Handler(self._slice, lambda _o, n: self._slice(n), self._slice))
        self.nodes.add_handler(Handler(self._node, lambda _o, n: self._node(n), self._node))

    def _service(self, service: Obj) -> None:
        self._changed(key(service))

    def _slice(self, each: Obj) -> None:
        for owner in _by_service(each):
            self._changed(owner)

    def _changed(self, service_key: str) -> None:
        with self._lock:
            self._dirty.add(service_key)
        self._wake.set()

    def _node(self, node: Obj) -> None:
        if nodes_of(self.nodes.list()) != self._nodes:
            self._all_dirty = True
            self._wake.set()
        elif self._conditions is not None and self._conditions.lacks(node):
            self._wake.set()

    def _pods_changed(self) -> None:
        self._pods_dirty = True
        self._wake.set()

    # ------------------------------------------------------------------ running

    def start(self) -> None:
        self._informers.start()
        self._stop_pods = self.client.reflect("pods", self.pods)
        self._informers.wait_for_sync()
        self.pods.synced.wait(30)
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(5)
            self._stop_pods()
        self._informers.stop()
        self.recorder.stop()

    def _run(self) -> None:
        again: float | None = None
        first = True
        while not self._stopped:
            try:
                again = self.sync()
                if first:
                    self._fronts.forget_others()
                    first = False
            except BackendFailure as e:
                log.error("the rules cannot be loaded: %s", e)
                again = RETRY_SECONDS
            except HostGone as e:
                log.warning("%s", e)
                again = RETRY_SECONDS
            except Exception:
                log.exception("in the proxy")
                again = RETRY_SECONDS
            self._wake.wait(again)
            self._wake.clear()

    # ------------------------------------------------------------------ one turn

    def sync(self) -> float | None:
        """Carry out what has changed; seconds after which to try again, None when all is well. Raises BackendFailure,
        HostGone."""
        self._recompute()
        node_ips = [a for n in self._nodes.values() for a in n.addresses] if self._networks else []
        every = [t for found in self._of_services.values() for t in found] + self._of_pods
        both = together(every, node_ips)
        self._tell_clashes(both.clashes)
        kernel, relayed = self._split(both.targets)
        if self._routes is not None:
            self._routes.keep(_addresses(relayed.values()), _addresses(kernel.values()))
        fronts = host_fronts(both.targets.values())
        if self._networks:
            fronts += inside_fronts(relayed.values(), self._nodes) + loopback_fronts(both.targets.values())
        self._fronts.apply(fronts, both.targets, self._nodes)
        if self._health is not None:
            found = {p: h for each in self._healths.values() for p, h in each.items()}
            self._health.apply(found if self._networks else {p: h for p, h in found.items() if p[0]})
        if self._backend is not None:
            self._backend.apply(kernel, self._nodes)
            self._forget_flows(kernel, node_ips)
        told = self._tell_conditions()
        return RETRY_SECONDS if self._fronts.failing or not told else None

    def _recompute(self) -> None:
        with self._lock:
            dirty, self._dirty = self._dirty, set()
        nodes = nodes_of(self.nodes.list())
        if self._all_dirty or nodes != self._nodes:
            self._all_dirty, self._pods_dirty = False, True
            self._nodes = nodes
            dirty = {key(s) for s in self.services.list()} | set(self._of_services)
        for service_key in dirty:
            service = self.services.by_key(service_key)
            if service is None:
                self._of_services.pop(service_key, None)
                self._healths.pop(service_key, None)
                continue
            slices = self.slices.by_index(INDEX, service_key)
            self._of_services[service_key] = targets_of(service, slices, nodes)
            self._healths[service_key] = healths(service, self._of_services[service_key], nodes)
            self._tell_refused(service)
        if self._pods_dirty:
            self._pods_dirty = False
            self._of_pods = [t for p in list(self.pods.pods.values()) for t in host_port_targets(p, nodes)]

    def _split(self, targets: Mapping[Key, Target]) -> tuple[dict[Key, Target], dict[Key, Target]]:
        """Those that the backend serves, and those that the relay serves: all when there is no backend, and those with
        an endpoint outside the cluster's network, which the kernel's rules cannot reach."""
        if self._backend is None:
            return {}, dict(targets)
        relayed = {k: t for k, t in targets.items() if not all(is_inside(e.ip, self._networks) for e in t.everywhere())}
        return {k: t for k, t in targets.items() if k not in relayed}, relayed

    def _forget_flows(self, targets: Mapping[Key, Target], node_ips: list[str]) -> None:
        """Flows of UDP that an endpoint has left."""
        fronts = conntrack.udp_fronts(targets.values(), node_ips)
        changed = {a: behind for a, behind in fronts.items() if self._udp.get(a) != behind}
        changed |= {a: frozenset() for a in self._udp if a not in fronts}
        self._udp = fronts
        try:
            conntrack.clean(changed)
        except OSError as e:
            log.warning("flows of UDP cannot be forgotten: %s", e)

    # ------------------------------------------------------------------ telling

    def _tell_conditions(self) -> bool:
        """False when it is to be tried again."""
        try:
            if self._conditions is not None:
                self._conditions.tell(self.nodes.list())
        except ApiError as e:
            log.warning("the condition of a node cannot be written: %s", e)
            return False
        return True

    def _tell_clashes(self, clashes: list[Clash]) -> None:
        for clash in set(clashes) - self._clashes:
            winner = f"{clash.winner[0]} {clash.winner[1]}/{clash.winner[2]}"
            message = (
                f"{clash.address}:{clash.port}/{clash.protocol.upper()} is taken by {winner}: it does not lead here"
            )
            self._warn(clash.loser, "AddressConflict", message)
        self._clashes = set(clashes)

    def _tell_refused(self, service: Obj) -> None:
        for port in refused_ports(service):
            once = (service["metadata"].get("uid", ""), int(port["port"]))
            if once not in self._refused:
                self._refused.add(once)
                message = f"port {port['port']}/{port['protocol']} leads nowhere: only TCP and UDP are supported"
                self.recorder.warning(service, "UnsupportedProtocol", message)

    def problem(self, front: Front, error: OSError) -> None:
        """A listener that cannot be opened."""
        number = error.errno or 0
        why = {errno.EACCES: "this user may not listen on that port", errno.EADDRINUSE: "another program listens there"}
        message = f"cannot listen on {front.address}:{front.port}/{front.protocol.upper()}: "
        message += why.get(number) or error.strerror or str(error)
        target = next(
            (t for t in self._of_services.get("/".join(front.target[1:3]), []) if t.key == front.target), None
        )
        if target is not None and 0 < target.node_port != front.port:
            message += f"; the node port is 127.0.0.1:{target.node_port}"
        log.warning("%s: %s", "/".join(front.target[1:3]), message)
        self._warn(front.target, "FailedToListen", message)

    def _warn(self, about: Key, reason: str, message: str) -> None:
        kind, namespace, name, _ = about
        obj = self.services.get(name, namespace) if kind == "Service" else self.pods.pods.get(f"{namespace}/{name}")
        if obj is not None:
            self.recorder.warning({"apiVersion": "v1", "kind": kind, **obj}, reason, message)


def _by_service(each: Obj) -> list[str]:
    owner = labels_of(each).get(SERVICE_NAME)
    return [f"{each['metadata'].get('namespace', '')}/{owner}"] if owner else []


def _addresses(targets: Iterable[Target]) -> list[str]:
    return [ip for t in targets for ip, _ in (*t.cluster_fronts, *t.fronts)]
