"""What is done with a request that has found its route: an answer of our own, or which backend gets it, and how.

Sources: ingress-nginx's user guide (annotations; the order is that of nginx's phases), the Gateway API's HTTPRouteFilter.
"""

from __future__ import annotations

import ipaddress
import random
import re
from functools import lru_cache
from urllib.parse import quote

from minikctl.api.ingress_rules import REGEX, expand
from minikctl.ingress import basic_auth
from minikctl.ingress.model import (
    NO_CHANGE,
    Answer,
    Backend,
    Canary,
    Cors,
    Facts,
    Filters,
    Forward,
    HeaderChange,
    PathChange,
    Redirect,
    Route,
    Weighted,
)

NOT_FOUND = Answer(404)
_SAFE = "/!$&'()*+,;=:@-._~"


def decide(route: Route | None, facts: Facts, secure_site: bool, rng: random.Random) -> Answer | Forward:
    """`secure_site`: the host has a certificate of its own."""
    if route is None:
        return NOT_FOUND
    if route.filters is not None and route.owner.startswith("HTTPRoute"):
        return _by_filters(route, facts, rng)
    answer = _own_answer(route, facts, secure_site)
    return answer if answer is not None else _by_annotations(route, facts, rng)


# ---------------------------------------------------------------------- Ingress


def _own_answer(route: Route, facts: Facts, secure_site: bool) -> Answer | None:
    """What is answered without asking the backend, if anything."""
    s = route.settings
    if s.body_size and facts.length is not None and facts.length > s.body_size:
        return Answer(413)
    if not facts.secure and (s.force_ssl_redirect or (s.ssl_redirect and secure_site)):
        return _to_https(facts)
    if s.temporary_redirect or s.redirect:
        wanted, code = (
            (s.temporary_redirect, s.temporary_code) if s.temporary_redirect else (s.redirect, s.redirect_code)
        )
        return Answer(code, (("Location", _expand(wanted, facts, None)),))
    if s.app_root and facts.path == "/":
        return Answer(302, (("Location", f"{_origin(facts)}{s.app_root}"),))
    if s.broken:
        return Answer(503)
    if not _client_allowed(facts.client, s.allowed, s.denied):
        return Answer(403)
    if route.cors is not None and facts.method == "OPTIONS" and "origin" in facts.headers:
        preflight = (*_cors_headers(route.cors, facts), ("Content-Type", "text/plain charset=UTF-8"))
        return Answer(204, preflight, b"")
    if route.auth is not None and not basic_auth.allowed(route.auth.users, facts.headers.get("authorization", "")):
        return Answer(401, (("WWW-Authenticate", f'Basic realm="{route.auth.realm}"'),))
    return None


def _by_annotations(route: Route, facts: Facts, rng: random.Random) -> Answer | Forward:
    s = route.settings
    target = facts.raw_path or facts.path
    if s.rewrite:
        rewritten = _rewritten(route, facts)
        if rewritten.startswith(("http://", "https://")):
            return Answer(302, (("Location", rewritten),))
        target, drop_query = (rewritten[:-1], True) if rewritten.endswith("?") else (rewritten, False)
        target = quote(target, safe=_SAFE + "?%" if "?" in target else _SAFE) or "/"
        if facts.query and not drop_query:
            target += ("&" if "?" in target else "?") + facts.query
    elif facts.query:
        target = f"{target}?{facts.query}"
    canary = route.canary is not None and goes_to_canary(route.canary, facts, rng)
    backend = route.canary.backend if route.canary is not None and canary else route.backends[0].backend
    if backend.problem:
        return Answer(backend.status)
    sticky = route.sticky
    response = NO_CHANGE
    if route.cors is not None:
        response = HeaderChange(set=_cors_headers(route.cors, facts))
    return Forward(
        backend,
        target,
        s.vhost,
        HeaderChange(set=(("X-Forwarded-Prefix", s.forwarded_prefix),)) if s.forwarded_prefix else NO_CHANGE,
        response,
        sticky,
        cookie_of(facts.headers.get("cookie", ""), sticky.name) if sticky else "",
        (),
        s.connect_timeout,
        s.read_timeout,
        0.0,
        s.body_size,
    )


def goes_to_canary(canary: Canary, facts: Facts, rng: random.Random) -> bool:
    """Header before cookie before weight; `always` and `never` are said by header and cookie."""
    if canary.header:
        given = facts.headers.get(canary.header)
        if given is not None:
            if canary.value:
                if given == canary.value:
                    return True
            elif canary.pattern is not None:
                if canary.pattern.search(given):
                    return True
            elif given in ("always", "never"):
                return given == "always"
    if canary.cookie:
        given = cookie_of(facts.headers.get("cookie", ""), canary.cookie)
        if given in ("always", "never"):
            return given == "always"
    return canary.weight > 0 and rng.random() * canary.total < canary.weight


def _rewritten(route: Route, facts: Facts) -> str:
    """nginx's `rewrite`: where the pattern fits, the whole path gives way."""
    found = route.pattern.match(facts.path) if route.kind == REGEX and route.pattern is not None else None
    return _expand(route.settings.rewrite, facts, found)


def _expand(template: str, facts: Facts, found: re.Match[str] | None) -> str:
    if "$" not in template:
        return template
    path = facts.raw_path or facts.path
    variables = {
        "host": facts.host,
        "http_host": facts.headers.get("host", facts.host),
        "scheme": _scheme(facts),
        "uri": facts.path,
        "request_uri": f"{path}?{facts.query}" if facts.query else path,
        "args": facts.query,
        "query_string": facts.query,
    }
    return expand(template, found, variables)


def _scheme(facts: Facts) -> str:
    return "https" if facts.secure else "http"


def _origin(facts: Facts) -> str:
    return f"{_scheme(facts)}://{facts.headers.get('host', facts.host)}"


def _to_https(facts: Facts) -> Answer:
    really = facts.ports.get(443, 443)
    port = "" if really == 443 else f":{really}"
    path = facts.raw_path or facts.path
    query = f"?{facts.query}" if facts.query else ""
    return Answer(308, (("Location", f"https://{facts.host}{port}{path}{query}"),))


@lru_cache(maxsize=512)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text)


def _client_allowed(client: str, allowed: tuple[str, ...], denied: tuple[str, ...]) -> bool:
    if not allowed and not denied:
        return True
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return False
    if any(address in _network(n) for n in denied):
        return False
    return not allowed or any(address in _network(n) for n in allowed)


def _cors_headers(cors: Cors, facts: Facts) -> tuple[tuple[str, str], ...]:
    origin = facts.headers.get("origin", "")
    shown = "*" if "*" in cors.origins else origin if _origin_allowed(origin, cors.origins) else ""
    if not shown:
        return ()
    found = [("Access-Control-Allow-Origin", shown)]
    if cors.credentials:
        found.append(("Access-Control-Allow-Credentials", "true"))
    if cors.exposed:
        found.append(("Access-Control-Expose-Headers", cors.exposed))
    found.append(("Access-Control-Allow-Methods", cors.methods))
    found.append(("Access-Control-Allow-Headers", cors.headers))
    found.append(("Access-Control-Max-Age", str(cors.max_age)))
    return tuple(found)


def _origin_allowed(origin: str, allowed: tuple[str, ...]) -> bool:
    for one in allowed:
        scheme, wildcard, rest = one.partition("*.")
        if origin == one or (wildcard and origin.startswith(scheme) and origin.endswith(f".{rest}")):
            return True
    return False


def cookie_of(header: str, name: str) -> str:
    """A cookie's value in a Cookie header, "" when it is not there."""
    if name not in header:
        return ""
    for part in header.split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


# ---------------------------------------------------------------------- HTTPRoute


def choose(backends: tuple[Weighted, ...], rng: random.Random) -> Weighted | None:
    """One of them, each as often as its weight says; None when nobody has any."""
    if len(backends) == 1:
        return backends[0] if backends[0].weight > 0 else None
    total = sum(w.weight for w in backends)
    if total <= 0:
        return None
    point = rng.random() * total
    for weighted in backends:
        point -= weighted.weight
        if point < 0:
            return weighted
    return backends[-1]


def _by_filters(route: Route, facts: Facts, rng: random.Random) -> Answer | Forward:
    if route.filters.redirect is not None:
        return _redirected(route, route.filters.redirect, facts)
    chosen = choose(route.backends, rng)
    if chosen is None:
        return Answer(500)
    own = chosen.filters
    if own.redirect is not None:
        return _redirected(route, own.redirect, facts)
    if chosen.backend.problem:
        return Answer(chosen.backend.status)
    path = own.path or route.filters.path
    target = facts.raw_path or facts.path
    if path is not None:
        target = quote(changed_path(route, path, facts.path), safe=_SAFE)
    if facts.query:
        target = f"{target}?{facts.query}"
    return Forward(
        chosen.backend,
        target,
        own.host or route.filters.host,
        route.filters.request.then(own.request) if own.request else route.filters.request,
        route.filters.response.then(own.response) if own.response else route.filters.response,
        None,
        "",
        _mirrors(route.filters, own, rng),
        5.0,
        route.backend_timeout,
        route.request_timeout,
        0,
    )


def _mirrors(first: Filters, second: Filters, rng: random.Random) -> tuple[Backend, ...]:
    wanted = first.mirrors + second.mirrors
    return tuple(m.backend for m in wanted if m.share >= m.total or rng.random() * m.total < m.share) if wanted else ()


def changed_path(route: Route, change: PathChange, path: str) -> str:
    """The path with its whole, or the route's prefix, replaced: `/a/b` of `/a` → `/x` is `/x/b`."""
    if change.full is not None:
        return change.full
    rest = path[len(route.path.rstrip("/")) :].lstrip("/")
    base = (change.prefix or "").rstrip("/")
    if not rest:
        return base or "/"
    return f"{base}/{rest}"


def _redirected(route: Route, redirect: Redirect, facts: Facts) -> Answer:
    """Port: the filter's; else the scheme's own when the filter names one; else the one that the client used."""
    scheme = redirect.scheme or _scheme(facts)
    path = quote(changed_path(route, redirect.path, facts.path), safe=_SAFE) if redirect.path else ""
    path = path or facts.raw_path or facts.path
    standard = {"http": 80, "https": 443}[scheme]
    if redirect.port is not None:
        port = redirect.port
    elif redirect.scheme:
        port = standard
    else:
        port = facts.port
    port = facts.ports.get(port, port)
    host = redirect.host or facts.host
    shown = host if port == standard else f"{host}:{port}"
    query = f"?{facts.query}" if facts.query else ""
    return Answer(redirect.status, (("Location", f"{scheme}://{shown}{path}{query}"),))
