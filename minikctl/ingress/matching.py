"""Which route a request takes. Sources: Kubernetes concept Ingress (path types, hostname wildcards), the Gateway API's
HTTPRouteMatch (precedence), ingress-nginx (ImplementationSpecific paths, regular expressions)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote

from minikctl.api.gateway_rules import host_matches, listener_order
from minikctl.api.ingress_rules import EXACT, PREFIX, REGEX, START, is_below, rank
from minikctl.ingress.model import EMPTY_SITE, Facts, Listener, Route, Site, Table

_RANK = {EXACT: 0, REGEX: 1, PREFIX: 2, START: 3}


def find(table: Table, facts: Facts) -> Route | None:
    """The route of a request: a Gateway's that listens on this port, else an Ingress', else a default one."""
    listeners = table.listeners.get(facts.port)
    if listeners:
        route = _in_listeners(listeners, facts)
        if route is not None:
            return route
    site = site_of(table, facts.host)
    for route in site.routes:
        if path_matches(route, facts.path):
            return route
    return site.default or table.default


def site_of(table: Table, host: str) -> Site:
    """The Ingress rules for a host: its own, else those of the wildcard for its last labels, else those for any."""
    site = table.hosts.get(host)
    if site is None:
        dot = host.find(".")
        site = table.hosts.get("*" + host[dot:]) if dot > 0 else None
        if site is None:
            site = table.hosts.get("", EMPTY_SITE)
    return site


def path_matches(route: Route, path: str) -> bool:
    kind = route.kind
    if kind == EXACT:
        return path == route.path
    if kind == PREFIX:
        return is_below(path, route.path)
    if kind == START:
        return path.startswith(route.path)
    return route.pattern is not None and route.pattern.match(path) is not None


def ingress_order(route: Route) -> tuple[object, ...]:
    """The older Ingress counts among equals."""
    return (*rank(route.path, route.kind), route.order)


def gateway_order(entry: tuple[str, Route]) -> tuple[object, ...]:
    """The most specific hostname, then: exact path, longest path, method, most headers, most parameters, age, name."""
    host, route = entry
    exact_host = bool(host) and not host.startswith("*")
    return (
        not exact_host,
        -len(host),
        _RANK[route.kind],
        -len(route.path),
        not route.method,
        -len(route.headers),
        -len(route.query),
        route.order,
    )


def _in_listeners(listeners: Iterable[Listener], facts: Facts) -> Route | None:
    """Of the listeners of a port the one with the most specific name for the host has the request."""
    fitting = [i for i in listeners if i.secure == facts.secure and host_matches(i.hostname, facts.host)]
    if not fitting:
        return None
    listener = min(fitting, key=lambda i: listener_order(i.hostname))
    for host, route in listener.routes:
        if host_matches(host, facts.host) and path_matches(route, facts.path) and _conditions_hold(route, facts):
            return route
    return None


def _conditions_hold(route: Route, facts: Facts) -> bool:
    if route.method and route.method != facts.method:
        return False
    if not all(c.holds(facts.headers.get(c.name)) for c in route.headers):
        return False
    if not route.query:
        return True
    given: dict[str, str] = {}
    for name, value in parse_qsl(facts.query, keep_blank_values=True):
        given.setdefault(name, value)
    return all(c.holds(given.get(c.name)) for c in route.query)


def normalized(raw: str) -> str:
    """The path that rules are compared with: escapes decoded, double slashes as one, `.` and `..` followed.

    Raises ValueError for a path that leaves the root.
    """
    if "%" not in raw and "//" not in raw and "/." not in raw:
        return raw
    parts: list[str] = []
    pieces = unquote(raw).split("/")
    for piece in pieces[1:]:
        if piece == "..":
            if not parts:
                raise ValueError("the path leaves the root")
            parts.pop()
        elif piece not in ("", "."):
            parts.append(piece)
    ends = "/" if parts and pieces[-1] in ("", ".", "..") else ""
    return "/" + "/".join(parts) + ends


def host_of(authority: str) -> str:
    """The name in a Host header, in lower case, without port and without a dot at its end."""
    if authority.startswith("["):
        return authority[: authority.find("]") + 1].lower()
    return authority.partition(":")[0].lower().rstrip(".")
