"""What HTTPRoutes of the Gateway API mean: whose they are, and how hostnames are compared. For who serves them, and who
explains it. Source: Gateway API, Listener.hostname, HTTPRouteSpec.hostnames."""

from __future__ import annotations

from minikctl.api.ingress_rules import EXACT, PREFIX, REGEX

CONTROLLER = "minikctl.io/gateway-controller"
"""What the `spec.controllerName` of a GatewayClass of ours says."""
PATH_KINDS = {"Exact": EXACT, "PathPrefix": PREFIX, "RegularExpression": REGEX}


def host_matches(pattern: str, host: str) -> bool:
    """A wildcard stands for one label or more; "" is any host."""
    if not pattern:
        return True
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) >= len(pattern)
    return host == pattern


def listener_order(hostname: str) -> tuple[bool, int]:
    """Of the listeners of a port the one with the most specific name for a host, the least, has its requests."""
    return hostname.startswith("*.") or not hostname, -len(hostname)


def intersection(listener: str, hostnames: list[str]) -> list[str]:
    """The hostnames that both a listener and a route mean; "" is any."""
    if not hostnames:
        return [listener]
    if not listener:
        return hostnames
    found = []
    for host in hostnames:
        if host == listener or (
            listener.startswith("*.") and host.endswith(listener[1:]) and len(host) > len(listener) - 1
        ):
            found.append(host)
        elif host.startswith("*.") and listener.endswith(host[1:]):
            found.append(listener)
    return found
