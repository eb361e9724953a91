"""The ranges of cluster IPs: ServiceCIDR objects (KEP-1880). Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from minikctl.api.meta import Obj, condition_is, is_deleting, labels_of

MANAGED_BY = "ipaddress.kubernetes.io/managed-by"
ALLOCATOR = "ipallocator.k8s.io"
"""Who makes the IPAddress objects of Services."""
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks_of(cidr: Obj) -> list[Network]:
    return [ipaddress.ip_network(text) for text in (cidr.get("spec") or {}).get("cidrs") or []]


def gives_addresses(cidr: Obj) -> bool:
    """Whether Services may get new addresses from it."""
    return condition_is(cidr, "Ready") and not is_deleting(cidr)


def holders_left(cidr: Obj, others: Iterable[Obj], addresses: Iterable[Obj]) -> list[str]:
    """The addresses of Services that no range would have if `cidr` went. others: the other ServiceCIDRs; addresses:
    IPAddress objects."""
    remaining = [n for o in others if not is_deleting(o) for n in networks_of(o)]
    lost = [n for n in networks_of(cidr) if not any(_within(n, r) for r in remaining)]
    if not lost:
        return []
    found = []
    for held in addresses:
        ip = ipaddress.ip_address(held["metadata"]["name"])
        ours = labels_of(held).get(MANAGED_BY) == ALLOCATOR
        if ours and any(ip in n for n in lost) and not any(ip in n for n in remaining):
            found.append(str(ip))
    return found


def _within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network):
        return isinstance(outer, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, ipaddress.IPv6Network) and inner.subnet_of(outer)
