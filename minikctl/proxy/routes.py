"""The router's routes to addresses of Services: without one, what the router itself sends to them goes nowhere."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterable

from minikctl.runtime.network.rtnetlink import Netlink

log = logging.getLogger("proxy")
LOOPBACK = 1
"""The number of `lo`."""


class RouterRoutes:
    """In the network namespace in which it is made. `own`: the addresses that have a route already."""

    def __init__(self, service_cidr: str, own: Iterable[str], *, answer_all: bool):
        """answer_all: this process answers all cluster IPs (the kernel takes them as its own, whichever they are)."""
        self._netlink = Netlink()
        self._services = ipaddress.IPv4Network(service_cidr)
        self._own = [*map(ipaddress.IPv4Network, own)]
        self._answer_all = answer_all
        self._made: dict[str, bool] = {}
        self._netlink.add_route(service_cidr, LOOPBACK, local=answer_all)

    def keep(self, local: Iterable[str], passing: Iterable[str]) -> None:
        """See `proxy.Routes`."""
        wanted = {ip: False for ip in passing if self._needs(ip, False)} | {
            ip: True for ip in local if self._needs(ip, True)
        }
        if wanted == self._made:
            return
        for ip, is_local in self._made.items():
            if wanted.get(ip) != is_local:
                self._change(self._netlink.delete_route, ip, is_local)
        for ip, is_local in wanted.items():
            if self._made.get(ip) != is_local:
                self._change(self._netlink.add_route, ip, is_local)
        self._made = wanted

    def _needs(self, ip: str, local: bool) -> bool:
        address = ipaddress.IPv4Address(ip)
        if any(address in n for n in self._own):
            return False
        return address not in self._services or (local and not self._answer_all)

    @staticmethod
    def _change(how: object, ip: str, is_local: bool) -> None:
        try:
            how(f"{ip}/32", LOOPBACK, local=is_local)  # type: ignore[operator]
        except OSError as e:
            log.warning("the route to %s: %s", ip, e.strerror)
