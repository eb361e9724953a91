"""What a routing table is made of. Everything here is a value: a table is never changed, it is replaced by another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Endpoint(NamedTuple):
    """Where a server listens: an address, or a name for what lies outside of the cluster."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Backend:
    """A port of a Service and those who answer there. `problem` says why nobody does; `status` is the answer then."""

    name: str
    endpoints: tuple[Endpoint, ...] = ()
    problem: str = ""
    status: int = 503


@dataclass(frozen=True, slots=True)
class HeaderChange:
    """What a header filter does; names as they were written."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.set or self.add or self.remove)

    def then(self, other: HeaderChange) -> HeaderChange:
        """Both, this one first."""
        return HeaderChange(self.set + other.set, self.add + other.add, self.remove + other.remove)


NO_CHANGE = HeaderChange()


CORS_METHODS = "GET, PUT, POST, DELETE, PATCH, OPTIONS"
CORS_HEADERS = (
    "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization"
)


@dataclass(frozen=True, slots=True)
class Cors:
    """The answer to browsers that ask whether pages of other sites may use this one."""

    origins: tuple[str, ...] = ("*",)
    methods: str = CORS_METHODS
    headers: str = CORS_HEADERS
    exposed: str = ""
    credentials: bool = True
    max_age: int = 1728000


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """Names and password hashes as in a file made by htpasswd."""

    realm: str
    users: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sticky:
    """A cookie that leads a client to the endpoint that it had before."""

    name: str = "INGRESSCOOKIE"
    path: str = ""
    domain: str = ""
    expires: int | None = None
    max_age: int | None = None
    same_site: str = ""
    secure: bool | None = None


@dataclass(frozen=True, slots=True)
class Canary:
    """When a request goes to another backend than the route's own. Header before cookie before weight."""

    backend: Backend
    weight: int = 0
    total: int = 100
    header: str = ""
    value: str = ""
    pattern: re.Pattern[str] | None = None
    cookie: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """What annotations of an Ingress ask for. Times in seconds, sizes in bytes (0: any)."""

    rewrite: str = ""
    use_regex: bool = False
    ssl_redirect: bool = True
    force_ssl_redirect: bool = False
    affinity: bool = False
    cookie_name: str = "INGRESSCOOKIE"
    cookie_path: str = ""
    cookie_domain: str = ""
    cookie_expires: int | None = None
    cookie_max_age: int | None = None
    cookie_same_site: str = ""
    cookie_secure: bool | None = None
    body_size: int = 1 << 20
    canary: bool = False
    canary_weight: int = 0
    canary_total: int = 100
    canary_header: str = ""
    canary_value: str = ""
    canary_pattern: re.Pattern[str] | None = None
    canary_cookie: str = ""
    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    redirect: str = ""
    redirect_code: int = 301
    temporary_redirect: str = ""
    temporary_code: int = 302
    connect_timeout: float = 5.0
    read_timeout: float = 60.0
    app_root: str = ""
    enable_cors: bool = False
    cors_origins: tuple[str, ...] = ("*",)
    cors_methods: str = CORS_METHODS
    cors_headers: str = CORS_HEADERS
    cors_exposed: str = ""
    cors_credentials: bool = True
    cors_max_age: int = 1728000
    auth_type: str = ""
    auth_secret: str = ""
    auth_realm: str = "Authentication Required"
    vhost: str = ""
    aliases: tuple[str, ...] = ()
    forwarded_prefix: str = ""
    broken: str = ""
    """Something that protects was written so that it cannot be understood: everybody is refused."""


DEFAULT_SETTINGS = Settings()


@dataclass(frozen=True, slots=True)
class Redirect:
    """The HTTPRoute filter. None and "" stand for what the request had. `path` as in `PathChange`."""

    scheme: str = ""
    host: str = ""
    port: int | None = None
    path: PathChange | None = None
    status: int = 302


@dataclass(frozen=True, slots=True)
class PathChange:
    """A path replaced, whole or where the route's prefix was."""

    full: str | None = None
    prefix: str | None = None


@dataclass(frozen=True, slots=True)
class Mirror:
    """A backend that gets a copy of requests, `share` of `total` of them."""

    backend: Backend
    share: int = 100
    total: int = 100


@dataclass(frozen=True, slots=True)
class Filters:
    """What an HTTPRoute rule, or one of its backends, does to requests and answers."""

    request: HeaderChange = NO_CHANGE
    response: HeaderChange = NO_CHANGE
    redirect: Redirect | None = None
    host: str = ""
    path: PathChange | None = None
    mirrors: tuple[Mirror, ...] = ()


NO_FILTERS = Filters()


class Weighted(NamedTuple):
    """One of several backends; `weight` is its share of their sum."""

    backend: Backend
    weight: int = 1
    filters: Filters = NO_FILTERS


@dataclass(frozen=True, slots=True)
class Condition:
    """A header or query parameter that a request must have: this value, or one that matches the pattern."""

    name: str
    value: str
    pattern: re.Pattern[str] | None = None

    def holds(self, given: str | None) -> bool:
        if given is None:
            return False
        return given == self.value if self.pattern is None else self.pattern.search(given) is not None


@dataclass(frozen=True, slots=True)
class Route:
    """One way to backends. `owner`: kind, namespace and name of the object that has it."""

    owner: str
    path: str
    kind: str
    backends: tuple[Weighted, ...]
    pattern: re.Pattern[str] | None = None
    method: str = ""
    headers: tuple[Condition, ...] = ()
    query: tuple[Condition, ...] = ()
    settings: Settings = DEFAULT_SETTINGS
    cors: Cors | None = None
    auth: BasicAuth | None = None
    sticky: Sticky | None = None
    canary: Canary | None = None
    filters: Filters = NO_FILTERS
    request_timeout: float = 0.0
    backend_timeout: float = 0.0
    order: tuple[str, ...] = ()
    """Between equals the older object counts, then the name."""


@dataclass(frozen=True, slots=True)
class Site:
    """A host's routes, best first, and what answers when none of them fits. `secure`: it has a certificate."""

    routes: tuple[Route, ...] = ()
    default: Route | None = None
    secure: bool = False


EMPTY_SITE = Site()


@dataclass(frozen=True, slots=True)
class Listener:
    """A Gateway's listener: its hostname ("" for all, `*.x` for all below), and (hostname, route), best first."""

    owner: str
    hostname: str
    secure: bool
    routes: tuple[tuple[str, Route], ...] = ()


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM of a certificate chain and its key. `origin` names the Secret."""

    origin: str
    chain: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Table:
    """What the engine serves: Ingresses by host, Gateways by port."""

    hosts: Mapping[str, Site] = field(default_factory=dict)
    """By name; wildcards as `*.example.com`; "" for any host."""
    default: Route | None = None
    listeners: Mapping[int, tuple[Listener, ...]] = field(default_factory=dict)
    certificates: Mapping[str, Certificate] = field(default_factory=dict)
    """By the name that a client asks for, which may be a wildcard."""

    def backends(self) -> set[Backend]:
        """Everything that requests may be sent to."""
        sites = [r for s in self.hosts.values() for r in (*s.routes, *([s.default] if s.default else []))]
        sites += [r for ls in self.listeners.values() for listener in ls for _, r in listener.routes]
        found = set()
        for route in [*sites, *([self.default] if self.default else [])]:
            found |= {w.backend for w in route.backends}
            found |= {m.backend for f in (route.filters, *(w.filters for w in route.backends)) for m in f.mirrors}
            if route.canary:
                found.add(route.canary.backend)
        return found


@dataclass(slots=True)
class Facts:
    """What is known of a request when its head has come. Header names in lower case; `host` without port."""

    method: str
    host: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    client: str = "127.0.0.1"
    secure: bool = False
    port: int = 80
    """The port that the client has connected to, as Gateways name it."""
    ports: Mapping[int, int] = field(default_factory=dict)
    """Where ports are really listened on that others have, or that we may not have: {443: 8443}."""
    length: int | None = None
    raw_path: str = ""
    """As it was sent; `path` has its escapes decoded."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the proxy says itself."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    """None: a page that tells the status."""


@dataclass(frozen=True, slots=True)
class Forward:
    """A request that goes on to a backend."""

    backend: Backend
    target: str
    host: str = ""
    """The Host header, "" for the client's."""
    request: HeaderChange = NO_CHANGE
    response: HeaderChange = NO_CHANGE
    sticky: Sticky | None = None
    wanted: str = ""
    """The sticky cookie's value."""
    mirrors: tuple[Backend, ...] = ()
    connect_timeout: float = 5.0
    read_timeout: float = 60.0
    request_timeout: float = 0.0
    body_limit: int = 0
