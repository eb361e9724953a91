"""The listeners of the relay: which there shall be, and keeping them so.

An address without endpoints has no listener, so that whoever connects is refused at once. What cannot be opened (the
port belongs to another program, or needs a privilege) is told of once and tried again.
"""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from socket import socket as Socket
from typing import Protocol

from minikctl.proxy import relay as relaying
from minikctl.proxy.balancer import CLUSTER, HOST, INSIDE, Balancer
from minikctl.proxy.host import HostGone
from minikctl.proxy.relay.loop import Relay
from minikctl.proxy.rules import LOOPBACK, Key, Node, Target

log = logging.getLogger("proxy")


@dataclass(frozen=True, slots=True)
class Front:
    """A listener that there shall be. kind: see `balancer`; HOST is on the host's side."""

    kind: str
    protocol: str
    address: str
    port: int
    target: Key


class Host(Protocol):
    """Where listeners of the host come from: `host.HostSide`."""

    def listen(self, protocol: str, address: str, port: int) -> Socket: ...

    def keep(self, places: Iterable[tuple[str, str, int]]) -> None: ...


Listen = Callable[[tuple[str, str, int]], Socket]
"""The same inside the cluster."""
Problem = Callable[[Front, OSError], None]


def host_fronts(targets: Iterable[Target]) -> list[Front]:
    """What is to be open on the host's side."""
    found = []
    for t in targets:
        if t.external:
            places = list(t.host_fronts) + ([(LOOPBACK, t.node_port)] if t.node_port else [])
            found += [Front(HOST, t.protocol, a, p, t.key) for a, p in places]
    return found


def inside_fronts(targets: Iterable[Target], nodes: Mapping[str, Node]) -> list[Front]:
    """What is to be open inside the cluster for these targets, which the kernel does not serve."""
    addresses = [a for n in nodes.values() for a in n.addresses]
    found = []
    for t in targets:
        if t.by_node or (t.endpoints and not t.local_only):
            found += [Front(CLUSTER, t.protocol, a, p, t.key) for a, p in t.cluster_fronts]
        if t.endpoints:
            places = list(t.fronts) + [(a, t.node_port) for a in addresses if t.node_port]
            found += [Front(INSIDE, t.protocol, a, p, t.key) for a, p in places]
    return found


def loopback_fronts(targets: Iterable[Target]) -> list[Front]:
    """Host ports of pods on loopback addresses, for pods on the host's network: they are in the router's namespace,
    whose loopback addresses the kernel's rules do not lead on."""
    return [
        Front(INSIDE, t.protocol, a, p, t.key)
        for t in targets
        if t.key[0] == "Pod" and t.endpoints
        for a, p in t.host_fronts
    ]


class Fronts:
    """Keeps the relay's listeners and balancers as they shall be. For one thread, which is not the relay's."""

    def __init__(self, relay: Relay, host: Host | None, listen: Listen, problem: Problem):
        self._relay, self._host, self._listen, self._problem = relay, host, listen, problem
        self._open: set[Front] = set()
        self._failed: set[Front] = set()
        self._balancers: dict[Key, Balancer] = {}
        self._nodes: Mapping[str, Node] = {}

    @property
    def failing(self) -> bool:
        """Whether something could not be opened and is to be tried again."""
        return bool(self._failed)

    def apply(self, wanted: Iterable[Front], targets: Mapping[Key, Target], nodes: Mapping[str, Node]) -> None:
        """`targets`: all that fronts lead to. Raises HostGone."""
        fronts = list(dict.fromkeys(wanted))
        self._update_balancers({f.target for f in fronts}, targets, nodes)
        gone = [f for f in self._open if f not in set(fronts)]
        if gone:
            self._drop(gone)
        self._failed &= set(fronts)
        if self._host is not None and any(f.kind == HOST for f in gone):
            self._host.keep((f.protocol, f.address, f.port) for f in fronts if f.kind == HOST)
        for front in fronts:
            if front not in self._open:
                self._add(front)

    def forget_others(self) -> None:
        """Have the host's side close what an earlier proxy had open and this one does not want."""
        if self._host is not None:
            self._host.keep((f.protocol, f.address, f.port) for f in self._open if f.kind == HOST)

    def _update_balancers(self, used: set[Key], targets: Mapping[Key, Target], nodes: Mapping[str, Node]) -> None:
        same_nodes = nodes == self._nodes
        self._nodes = dict(nodes)
        for key in [k for k in self._balancers if k not in used]:
            del self._balancers[key]
        for key in used:
            balancer, target = self._balancers.get(key), targets[key]
            if balancer is None:
                self._balancers[key] = Balancer(target, nodes)
            elif balancer.target != target or not same_nodes:
                self._relay.call(partial(_update, self._relay, balancer, target, self._nodes))

    def _add(self, front: Front) -> None:
        place = (front.protocol, front.address, front.port)
        try:
            if front.kind == HOST:
                if self._host is None:
                    return
                listener = self._host.listen(*place)
            else:
                listener = self._listen(place)
        except HostGone:
            raise
        except OSError as e:
            if e.errno == errno.EADDRNOTAVAIL and front.kind == INSIDE:
                return  # the address of a simulated node: nobody has it
            if front not in self._failed:
                self._failed.add(front)
                self._problem(front, e)
            return
        self._failed.discard(front)
        self._open.add(front)
        carried = relaying.front(self._relay, listener, self._balancers[front.target], front.kind)
        self._relay.call(partial(self._relay.add_front, front, carried))

    def _drop(self, fronts: list[Front]) -> None:
        """Returns when they are closed: their addresses may be wanted by others."""
        done = threading.Event()

        def drop() -> None:
            for front in fronts:
                self._relay.drop_front(front)
            done.set()

        self._relay.call(drop)
        done.wait(5)
        self._open -= set(fronts)


def _update(relay: Relay, balancer: Balancer, target: Target, nodes: Mapping[str, Node]) -> None:
    balancer.update(target, nodes)
    relay.updated(balancer)
