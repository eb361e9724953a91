"""The hop of an HTTPRoute: which rule a plain GET meets, and the Services it leads to, or why to none. Pure.

As the ingress of this cluster serves them; what it thinks of a route is read from the route's status. Source: Gateway
API, HTTPRouteMatch (precedence).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from minikctl.api.gateway_rules import CONTROLLER, PATH_KINDS, host_matches, intersection, listener_order
from minikctl.api.ingress_rules import EXACT, PREFIX, REGEX
from minikctl.api.meta import Obj, find_condition, name, namespace
from minikctl.kubectl.tracing.facts import Facts
from minikctl.kubectl.tracing.model import Hop
from minikctl.kubectl.tracing.routing import path_matches
from minikctl.kubectl.tracing.words import Wanted

_PROTOCOLS = {"http": "HTTP", "https": "HTTPS"}
_RANK = {EXACT: 0, REGEX: 1, PREFIX: 2}


@dataclass(frozen=True, slots=True)
class Met:
    """A rule that a request meets. parent: the part of the route's status that its Gateway's controller wrote."""

    route: Obj
    host: str
    path: Obj
    rule: Obj
    parent: Obj
    listener: str
    """Its hostname."""
    rank: tuple[object, ...]

    @property
    def accepted(self) -> bool:
        return _holds(self.parent, "Accepted")


def find(facts: Facts, wanted: Wanted) -> Met | None:
    """The most specific rule; one of a route that was not accepted only when there is no other."""
    names = [h for g in facts.gateways for h in _listeners(g, wanted) if host_matches(h, wanted.host)]
    if not names:
        return None
    chosen = min(names, key=listener_order)
    found = [m for r in facts.routes for m in _matches(facts, r, wanted) if m.listener == chosen or not m.accepted]
    return min(found, key=lambda m: (not m.accepted, m.rank)) if found else None


def hop(facts: Facts, met: Met) -> tuple[Hop, list[tuple[Obj, Wanted]]]:
    """The hop, and the Services with their ports that the way may lead on to."""
    title = f"{namespace(met.route)}/{name(met.route)}"
    parent = met.parent.get("parentRef") or {}
    gateway = f"{parent.get('namespace') or namespace(met.route)}/{parent.get('name')}"
    shown = f"{met.path.get('type') or 'PathPrefix'} {met.path.get('value') or '/'} of {met.host or 'all hosts'}"
    made = Hop("HTTPRoute", title, f"{shown}, by Gateway {gateway}")
    if not met.accepted:
        made.reason, made.message = _why(met.parent, "Accepted", f"HTTPRoute {title} is not accepted by {gateway}")
        return made, []
    if any(f.get("type") == "RequestRedirect" for f in met.rule.get("filters") or []):
        made.note = "answered with a redirect"
        return made, []
    refs = [r for r in met.rule.get("backendRefs") or [] if r.get("weight") != 0]
    if len(refs) > 1:
        made.note = "by weight: " + ", ".join(f"{r['name']} {r.get('weight', 1)}" for r in refs)
    if not refs:
        made.reason, made.message = "NoBackend", f"the rule of HTTPRoute {title} leads to no Service"
    return made, [pair for ref in refs if (pair := _backend(facts, met, ref, made)) is not None]


def _backend(facts: Facts, met: Met, ref: Obj, made: Hop) -> tuple[Obj, Wanted] | None:
    """A Service; one that is not there, or that the route may not name, becomes a hop that is the end."""
    there = ref.get("namespace") or namespace(met.route)
    service = facts.service(ref["name"], there)
    doubtful = there != namespace(met.route) or ref.get("kind") not in (None, "Service") or ref.get("port") is None
    refused = doubtful and not _holds(met.parent, "ResolvedRefs")
    if service is not None and not refused:
        return service, Wanted(ref["name"], str(ref.get("port") or ""))
    missing = f"HTTPRoute {made.name} leads to Service {there}/{ref['name']}, which does not exist"
    reason, message = _why(met.parent, "ResolvedRefs", missing) if refused else ("ServiceNotFound", missing)
    made.below.append(Hop("Service", f"{there}/{ref['name']}", reason=reason, message=message))
    return None


def _matches(facts: Facts, route: Obj, wanted: Wanted) -> Iterator[Met]:
    spec = route.get("spec") or {}
    for parent in (route.get("status") or {}).get("parents") or []:
        if parent.get("controllerName") != CONTROLLER:
            continue
        for listener in _attached(facts, route, parent, wanted):
            hosts = intersection(listener, [h.lower() for h in spec.get("hostnames") or []])
            for host in (h for h in hosts if host_matches(h, wanted.host)):
                for rule in spec.get("rules") or []:
                    for path, order in _paths(rule, wanted):
                        rank = (not host or host.startswith("*"), -len(host), *order, *_age(route))
                        yield Met(route, host, path, rule, parent, listener, rank)


def _paths(rule: Obj, wanted: Wanted) -> Iterator[tuple[Obj, tuple[object, ...]]]:
    """The rule's matches that a GET meets which has no headers of its own, and how specific they are."""
    for match in rule.get("matches") or [{}]:
        path = match.get("path") or {}
        kind, own = PATH_KINDS.get(path.get("type") or "PathPrefix", PREFIX), path.get("value") or "/"
        plain = not match.get("headers") and not match.get("queryParams")
        if plain and match.get("method") in (None, "GET") and _path_fits(own, kind, wanted.path):
            yield path, (_RANK[kind], -len(own), not match.get("method"))


def _path_fits(own: str, kind: str, path: str) -> bool:
    """A pattern is about the whole path."""
    try:
        return re.fullmatch(own, path) is not None if kind == REGEX else path_matches(own, kind, path)
    except re.error:
        return False


def _age(route: Obj) -> tuple[str, str, str]:
    return route["metadata"].get("creationTimestamp") or "", namespace(route), name(route)


def _listeners(gateway: Obj, wanted: Wanted, section: str = "") -> list[str]:
    """The hostnames of a Gateway's listeners for the scheme."""
    protocol = _PROTOCOLS[wanted.scheme]
    return [
        (i.get("hostname") or "").lower()
        for i in (gateway.get("spec") or {}).get("listeners") or []
        if i.get("protocol") == protocol and section in ("", i.get("name"))
    ]


def _attached(facts: Facts, route: Obj, parent: Obj, wanted: Wanted) -> list[str]:
    ref = parent.get("parentRef") or {}
    place = ref.get("namespace") or namespace(route), ref.get("name")
    found = [g for g in facts.gateways if (namespace(g), name(g)) == place]
    return [h for g in found for h in _listeners(g, wanted, ref.get("sectionName") or "")]


def _holds(parent: Obj, kind: str) -> bool:
    return (find_condition(parent.get("conditions") or [], kind) or {}).get("status") == "True"


def _why(parent: Obj, kind: str, otherwise: str) -> tuple[str, str]:
    condition = find_condition(parent.get("conditions") or [], kind) or {}
    message = condition.get("message")
    return condition.get("reason") or "NotAccepted", f"{otherwise}: {message}" if message else otherwise
