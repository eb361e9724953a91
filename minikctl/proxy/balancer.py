"""Which endpoint a connection goes to, where this process and not the kernel decides."""

from __future__ import annotations

import ipaddress
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping

from minikctl.proxy.rules import Endpoint, Node, Target

CLUSTER, INSIDE, HOST = "cluster", "inside", "host"
"""The kinds of addresses of a target: its cluster IP, others inside the cluster, those on the host."""
REMEMBERED = 65536


class Balancer:
    """Of one target. Not for several threads."""

    def __init__(
        self,
        target: Target,
        nodes: Mapping[str, Node],
        rng: random.Random | None = None,
        now: Callable[[], float] = time.monotonic,
    ):
        self._rng, self._now = rng or random.Random(), now
        self._kept: OrderedDict[str, tuple[Endpoint, float]] = OrderedDict()
        self.update(target, nodes)

    def update(self, target: Target, nodes: Mapping[str, Node]) -> None:
        """Another state of the same target: clients keep the endpoints that are still there."""
        self.target = target
        self._ranges = [ipaddress.ip_network(r, strict=False) for r in target.source_ranges if ":" not in r]
        self._by_node = [(_networks(nodes[n]), found) for n, found in target.by_node if n in nodes]
        usable = target.everywhere()
        for client in [c for c, (e, _) in self._kept.items() if e not in usable]:
            del self._kept[client]

    def allows(self, client: str) -> bool:
        """loadBalancerSourceRanges; for connections to a load balancer's address."""
        return not self._ranges or any(ipaddress.ip_address(client) in r for r in self._ranges)

    def candidates(self, kind: str, client: str) -> tuple[Endpoint, ...]:
        """The endpoints that a client may be led to."""
        target = self.target
        if kind == HOST:
            return target.external
        if self._by_node and (kind == CLUSTER or not target.local_only):
            address = ipaddress.ip_address(client)
            for networks, found in self._by_node:
                if any(address in n for n in networks):
                    return found
        return () if kind == CLUSTER and target.local_only else target.endpoints

    def pick(self, kind: str, client: str, tried: Collection[Endpoint] = ()) -> Endpoint | None:
        """One of them, at random or the client's own; None when all have been tried."""
        found = self.candidates(kind, client)
        if tried:
            found = tuple(e for e in found if e not in tried)
        if not found:
            return None
        affinity = self.target.affinity
        if not affinity:
            return found[0] if len(found) == 1 else found[int(self._rng.random() * len(found))]
        now = self._now()
        kept = self._kept.get(client)
        if kept is not None and now - kept[1] < affinity and kept[0] in found:
            endpoint = kept[0]
        else:
            endpoint = self._rng.choice(found)
        self._kept[client] = (endpoint, now)
        self._kept.move_to_end(client)
        if len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)
        return endpoint


def _networks(node: Node) -> list[ipaddress.IPv4Network]:
    return [ipaddress.IPv4Network(c) for c in ([node.pod_cidr] if node.pod_cidr else []) + list(node.addresses)]
