"""Ingresses → routes. Sources: Kubernetes concept Ingress; ingress-nginx's user guide (annotations, canary, TLS)."""

from __future__ import annotations

import base64
import binascii
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from minikctl.api.ingress_rules import PREFIX, REGEX, is_ours, looks_like_pattern, path_kind
from minikctl.api.meta import Obj, Objects, annotations_of, key, namespace
from minikctl.ingress import nginx_annotations
from minikctl.ingress.backends import Services
from minikctl.ingress.basic_auth import parse_users
from minikctl.ingress.matching import ingress_order
from minikctl.ingress.model import (
    Backend,
    BasicAuth,
    Canary,
    Certificate,
    Cors,
    Route,
    Settings,
    Site,
    Sticky,
    Weighted,
)

log = logging.getLogger("ingress")
Secrets = Callable[[str, str], Obj | None]
ReadCertificate = Callable[[Obj | None, str], Certificate]
"""From a Secret; the second argument says which, for messages. Raises ValueError."""


@dataclass
class Collected:
    """What came of all Ingresses. `problems`: by key of the Ingress, (reason, sentence) each."""

    hosts: dict[str, Site] = field(default_factory=dict)
    default: Route | None = None
    certificates: dict[str, Certificate] = field(default_factory=dict)
    served: Objects = field(default_factory=list)
    problems: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    secrets: set[tuple[str, str]] = field(default_factory=set)
    """Those that were asked for, (namespace, name)."""

    def problem(self, ingress: Obj, reason: str, sentence: str) -> None:
        found = self.problems.setdefault(key(ingress), [])
        if (reason, sentence) not in found:
            found.append((reason, sentence))


def collect(
    ingresses: Iterable[Obj], classes: Objects, services: Services, find_secret: Secrets, read: ReadCertificate
) -> Collected:
    """Everything that our Ingresses say, the oldest first."""
    collected = Collected()

    def secret(ns: str, title: str) -> Obj | None:
        collected.secrets.add((ns, title))
        return find_secret(ns, title)

    parts = []
    for ingress in sorted(ingresses, key=_age):
        ours = is_ours(ingress, classes)
        if ours is None:
            missing = (ingress.get("spec") or {}).get("ingressClassName")
            collected.problem(ingress, "NoIngressClass", f'IngressClass "{missing}" does not exist: nobody serves this')
        if not ours:
            continue
        try:
            parts.append(_Ingress(ingress, services, secret, read, collected))
        except Exception as e:  # a mistake of ours about one Ingress must not take the others down
            log.exception("Ingress %s", key(ingress))
            collected.problem(ingress, "InternalError", f"this Ingress cannot be read: {type(e).__name__}: {e}")
            continue
        collected.served.append(ingress)
    _join(parts, collected)
    return collected


def _age(obj: Obj) -> tuple[str, str]:
    return obj["metadata"].get("creationTimestamp") or "", key(obj)


class _Ingress:
    """One Ingress, on its way to routes by host."""

    def __init__(self, ingress: Obj, services: Services, secret: Secrets, read: ReadCertificate, collected: Collected):
        self.obj, self.spec = ingress, ingress.get("spec") or {}
        self.namespace, self.owner = namespace(ingress), f"Ingress {key(ingress)}"
        self.services, self.collected = services, collected
        self.settings, problems = nginx_annotations.parse(annotations_of(ingress))
        for sentence in problems:
            collected.problem(ingress, "InvalidAnnotation", sentence)
        self.auth = self._auth(secret)
        self.secure_hosts = self._certificates(secret, read)
        self.routes: dict[str, list[Route]] = {}
        self.default: Route | None = None
        self._read()

    def _read(self) -> None:
        default = self.spec.get("defaultBackend")
        if default is not None:
            self.default = self._route("/", PREFIX, self._backend(default))
        for rule in self.spec.get("rules") or []:
            host = (rule.get("host") or "").lower()
            found = [self._entry(p) for p in (rule.get("http") or {}).get("paths") or []]
            for each in (host, *(self.settings.aliases if host else ())):
                self.routes.setdefault(each, []).extend(r for r in found if r is not None)

    # ------------------------------------------------------------------ routes

    def _entry(self, entry: Obj) -> Route | None:
        """One path. A path that is to be a pattern and is none serves nothing."""
        path, kind = entry.get("path") or "/", entry.get("pathType")
        backend = self._backend(entry.get("backend") or {})
        kind = path_kind(path, kind, use_regex=self.settings.use_regex, rewrites=bool(self.settings.rewrite))
        if kind != REGEX:
            return self._route(path, kind, backend)
        try:
            pattern = re.compile(path, re.IGNORECASE)
        except re.error as e:
            self._problem("InvalidPath", f"path {path!r} is not a regular expression: {e}")
            return None
        return replace(self._route(path, REGEX, backend), pattern=pattern)

    def _route(self, path: str, kind: str, backend: Backend) -> Route:
        s = self.settings
        return Route(
            owner=self.owner,
            path=path,
            kind=kind,
            backends=(Weighted(backend),),
            settings=s,
            cors=_cors(s) if s.enable_cors else None,
            auth=self.auth,
            sticky=_sticky(s, path, kind) if s.affinity else None,
            order=_age(self.obj),
        )

    def _backend(self, backend: Obj) -> Backend:
        service = backend.get("service")
        if service is None:
            self._problem("NoBackend", "a resource as a backend is not supported here")
            return Backend("resource", problem="the backend is a resource, which is not supported here")
        port = service.get("port") or {}
        wanted = port.get("number") or port.get("name") or 0
        found = self.services.backend(self.namespace, service.get("name") or "", wanted)
        if found.problem and "no ready endpoint" not in found.problem:
            self._problem("NoBackend", found.problem)
        return found

    def _problem(self, reason: str, sentence: str) -> None:
        self.collected.problem(self.obj, reason, sentence)

    # ------------------------------------------------------------------ secrets

    def _auth(self, secret: Secrets) -> BasicAuth | None:
        """What cannot be read lets nobody in."""
        if not self.settings.auth_type:
            return None
        wanted = self.settings.auth_secret
        ns, _, title = wanted.rpartition("/")
        data = _decoded(secret(self.namespace, title)) if ns in ("", self.namespace) else None
        if not wanted or data is None or "auth" not in data:
            why = "has no key auth" if data is not None else "does not exist" if wanted else "is not named"
            self._problem("InvalidAnnotation", f'the secret "{wanted}" of basic authentication {why}')
            return BasicAuth(self.settings.auth_realm, {})
        users, problems = parse_users(data["auth"].decode(errors="replace"))
        for sentence in problems:
            self._problem("InvalidAnnotation", f'secret "{wanted}": {sentence}')
        return BasicAuth(self.settings.auth_realm, users)

    def _certificates(self, secret: Secrets, read: ReadCertificate) -> set[str]:
        """Note the certificates; the hosts that speak HTTPS."""
        every = {(r.get("host") or "").lower() for r in self.spec.get("rules") or []}
        secure: set[str] = set()
        for tls in self.spec.get("tls") or []:
            hosts = {h.lower() for h in tls.get("hosts") or []} or every
            secure |= hosts
            title = tls.get("secretName")
            if not title:
                continue
            try:
                certificate = read(secret(self.namespace, title), f"{self.namespace}/{title}")
            except ValueError as e:
                self._problem("InvalidCertificate", f"{e}; the default certificate is used")
                continue
            for host in hosts:
                self.collected.certificates.setdefault(host, certificate)
        return secure


def _join(parts: list[_Ingress], collected: Collected) -> None:
    """Bring the Ingresses of each host together; canaries go to the routes that they are canaries of."""
    mains = [p for p in parts if not p.settings.canary]
    routes: dict[str, dict[tuple[str, str], Route]] = {}
    defaults: dict[str, Route] = {}
    secure: set[str] = set()
    for part in mains:
        secure |= part.secure_hosts
        for host, found in part.routes.items():
            there = routes.setdefault(host, {})
            for route in found:
                older = there.setdefault((route.path, route.kind), route)
                if older is not route and older.owner != route.owner:
                    why = f"host {host or '*'} and path {route.path} belong to {older.owner} already"
                    collected.problem(part.obj, "Conflict", why)
            if part.default is not None:
                defaults.setdefault(host, part.default)
    for part in (p for p in parts if p.settings.canary):
        _add_canary(part, routes, collected)
    for host, by_path in routes.items():
        ordered = tuple(sorted(by_path.values(), key=ingress_order))
        collected.hosts[host] = Site(ordered, defaults.get(host), host in secure)
    pure = [p.default for p in mains if p.default and not p.spec.get("rules")]
    collected.default = next(iter([*pure, *(p.default for p in mains if p.default)]), None)


def _add_canary(part: _Ingress, routes: dict[str, dict[tuple[str, str], Route]], collected: Collected) -> None:
    s = part.settings
    for host, found in part.routes.items():
        for route in found:
            there = routes.get(host, {})
            place = next((p for p in there if p == (route.path, route.kind)), None)
            place = place or next((p for p in there if p[0] == route.path), None)
            if place is None:
                why = f"a canary needs another Ingress with host {host or '*'} and path {route.path}: there is none"
                collected.problem(part.obj, "NoCanaryTarget", why)
            elif there[place].canary is not None:
                why = f"host {host or '*'} and path {route.path} have a canary already"
                collected.problem(part.obj, "Conflict", why)
            else:
                canary = Canary(
                    route.backends[0].backend,
                    s.canary_weight,
                    s.canary_total,
                    s.canary_header.lower(),
                    s.canary_value,
                    s.canary_pattern,
                    s.canary_cookie,
                )
                there[place] = replace(there[place], canary=canary)


def _cors(s: Settings) -> Cors:
    return Cors(s.cors_origins, s.cors_methods, s.cors_headers, s.cors_exposed, s.cors_credentials, s.cors_max_age)


def _sticky(s: Settings, path: str, kind: str) -> Sticky:
    """The cookie belongs to the route's path, which a pattern cannot be."""
    own = "/" if kind == REGEX or looks_like_pattern(path) else path
    return Sticky(
        s.cookie_name,
        s.cookie_path or own,
        s.cookie_domain,
        s.cookie_expires,
        s.cookie_max_age,
        s.cookie_same_site,
        s.cookie_secure,
    )


def read_certificate(secret: Obj | None, origin: str) -> Certificate:
    """The pair in a Secret of type kubernetes.io/tls, not looked into. Raises ValueError with a sentence."""
    if secret is None:
        raise ValueError(f'secret "{origin}" does not exist')
    data = _decoded(secret)
    if data is None:
        raise ValueError(f'secret "{origin}" is not base64')
    for part in ("tls.crt", "tls.key"):
        if not data.get(part):
            raise ValueError(f'secret "{origin}" has no {part}')
    return Certificate(origin, data["tls.crt"], data["tls.key"])


def _decoded(secret: Obj | None) -> dict[str, bytes] | None:
    if secret is None:
        return None
    try:
        return {k: base64.b64decode(v or "", validate=False) for k, v in (secret.get("data") or {}).items()}
    except (binascii.Error, ValueError, TypeError):
        return None
