"""GatewayClasses, Gateways, HTTPRoutes and ReferenceGrants → listeners with routes, and what their status says.

Source: Gateway API v1 (GatewaySpec, Listener, CommonRouteSpec, ReferenceGrantSpec; conditions and their reasons).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from minikctl.api.gateway_rules import CONTROLLER, intersection
from minikctl.api.meta import Obj, Objects, generation, key, labels_of, name, namespace
from minikctl.api.selectors import from_label_selector
from minikctl.ingress.backends import Services
from minikctl.ingress.http_routes import GROUP, RuleReader, Unresolved, Unsupported
from minikctl.ingress.ingresses import ReadCertificate, Secrets, read_certificate
from minikctl.ingress.matching import gateway_order
from minikctl.ingress.model import Certificate, Listener, Route

log = logging.getLogger("ingress")
_KINDS = ({"group": GROUP, "kind": "HTTPRoute"},)
_SECURE = {"HTTP": False, "HTTPS": True}


@dataclass
class GatewayObjects:
    """What there is of the Gateway API."""

    classes: Objects = field(default_factory=list)
    gateways: Objects = field(default_factory=list)
    routes: Objects = field(default_factory=list)
    grants: Objects = field(default_factory=list)
    namespaces: Objects = field(default_factory=list)


@dataclass
class Collected:
    """Listeners by port, and the status that each object is to have, by (plural, key)."""

    listeners: dict[int, tuple[Listener, ...]] = field(default_factory=dict)
    certificates: dict[str, Certificate] = field(default_factory=dict)
    statuses: dict[tuple[str, str], Obj] = field(default_factory=dict)
    secrets: set[tuple[str, str]] = field(default_factory=set)


def condition(kind: str, holds: bool, reason: str, message: str, of: Obj) -> Obj:
    """A condition without its time, which is known when it is written."""
    return {
        "type": kind,
        "status": "True" if holds else "False",
        "observedGeneration": generation(of),
        "reason": reason,
        "message": message,
    }


@dataclass
class _Spot:
    """A listener, on its way."""

    gateway: Obj
    spec: Obj
    conditions: list[Obj] = field(default_factory=list)
    attached: set[str] = field(default_factory=set)
    routes: list[tuple[str, Route]] = field(default_factory=list)
    kinds: list[Obj] = field(default_factory=lambda: [dict(k) for k in _KINDS])
    serves: bool = True

    @property
    def hostname(self) -> str:
        return (self.spec.get("hostname") or "").lower()

    @property
    def secure(self) -> bool:
        return _SECURE.get(self.spec.get("protocol") or "", False)


def collect(
    there: GatewayObjects,
    services: Services,
    find_secret: Secrets,
    unavailable: Callable[[int, bool], str],
    addresses: list[str],
    read: ReadCertificate = read_certificate,
    really: Mapping[int, int] | None = None,
) -> Collected:
    """`unavailable(port, secure)`: why a port cannot be listened on, "" when it can. `addresses`: where we listen;
    `really`: the ports there that are others than they are called."""
    done = Collected()

    def secret(ns: str, title: str) -> Obj | None:
        done.secrets.add((ns, title))
        return find_secret(ns, title)

    granted = _grants(there.grants)
    ours = set()
    for one in there.classes:
        if (one.get("spec") or {}).get("controllerName") == CONTROLLER:
            ours.add(name(one))
            accepted = condition("Accepted", True, "Accepted", "minikctl serves this class", one)
            done.statuses["gatewayclasses", key(one)] = {"conditions": [accepted]}
    spots: dict[str, list[_Spot]] = {}
    for gateway in sorted(there.gateways, key=_age):
        if (gateway.get("spec") or {}).get("gatewayClassName") in ours:
            spots[key(gateway)] = _listeners(gateway, secret, read, granted, unavailable, done)
    _conflicts([s for each in spots.values() for s in each])
    labels = {name(n): labels_of(n) for n in there.namespaces}
    for route in sorted(there.routes, key=_age):
        _attach(route, spots, services, granted, labels, done)
    for each in spots.values():
        _publish(each, done, addresses, really or {})
    return done


def _age(obj: Obj) -> tuple[str, str]:
    return obj["metadata"].get("creationTimestamp") or "", key(obj)


def _grants(grants: Iterable[Obj]) -> Callable[[str, str, str, str, str, str], bool]:
    known = list(grants)

    def granted(group: str, kind: str, ns: str, to_group: str, to_kind: str, target: str) -> bool:
        there, _, title = target.partition("/")
        for one in known:
            spec = one.get("spec") or {}
            if namespace(one) != there:
                continue
            givers = [f for f in spec.get("from") or [] if (f.get("group") or "", f.get("kind")) == (group, kind)]
            if any(f.get("namespace") == ns for f in givers) and any(
                (t.get("group") or "", t.get("kind")) == (to_group, to_kind) and t.get("name") in (None, "", title)
                for t in spec.get("to") or []
            ):
                return True
        return False

    return granted


# ---------------------------------------------------------------------- listeners


def _listeners(
    gateway: Obj,
    secret: Secrets,
    read: ReadCertificate,
    granted: Callable[..., bool],
    unavailable: Callable[[int, bool], str],
    done: Collected,
) -> list[_Spot]:
    spots = []
    for spec in (gateway.get("spec") or {}).get("listeners") or []:
        spot = _Spot(gateway, spec)
        spots.append(spot)
        protocol, port = spec.get("protocol") or "", spec.get("port") or 0
        if protocol not in _SECURE:
            spot.kinds = []
            _refuse(spot, "UnsupportedProtocol", f"protocol {protocol} is not supported here: HTTP and HTTPS are")
        elif why := unavailable(port, _SECURE[protocol]):
            _refuse(spot, "PortUnavailable", why)
        _allowed_kinds(spot)
        if protocol == "HTTPS":
            _certificates(spot, secret, read, granted, done)
        if not any(c["type"] == "ResolvedRefs" for c in spot.conditions):
            spot.conditions.append(condition("ResolvedRefs", True, "ResolvedRefs", "", gateway))
    return spots


def _refuse(spot: _Spot, reason: str, message: str) -> None:
    spot.serves = False
    spot.conditions.append(condition("Accepted", False, reason, message, spot.gateway))


def _unresolved(spot: _Spot, reason: str, message: str) -> None:
    spot.conditions = [c for c in spot.conditions if c["type"] != "ResolvedRefs"]
    spot.conditions.append(condition("ResolvedRefs", False, reason, message, spot.gateway))


def _allowed_kinds(spot: _Spot) -> None:
    wanted = (spot.spec.get("allowedRoutes") or {}).get("kinds")
    if not wanted:
        return
    known = [k for k in wanted if (k.get("group") or GROUP, k.get("kind")) == (GROUP, "HTTPRoute")]
    spot.kinds = [dict(k) for k in _KINDS] if known else []
    if len(known) != len(wanted):
        _unresolved(spot, "InvalidRouteKinds", "only HTTPRoutes are supported here")


def _certificates(
    spot: _Spot, secret: Secrets, read: ReadCertificate, granted: Callable[..., bool], done: Collected
) -> None:
    tls, gateway = spot.spec.get("tls") or {}, spot.gateway
    if (tls.get("mode") or "Terminate") != "Terminate":
        _refuse(spot, "UnsupportedProtocol", f"TLS mode {tls['mode']} is not supported here")
        return
    here, good = namespace(gateway), 0
    for ref in tls.get("certificateRefs") or []:
        there, title = ref.get("namespace") or here, ref.get("name") or ""
        if (ref.get("group") or "", ref.get("kind") or "Secret") != ("", "Secret"):
            _unresolved(spot, "InvalidCertificateRef", f"a {ref.get('kind')} cannot be a certificate here")
            continue
        if there != here and not granted(GROUP, "Gateway", here, "", "Secret", f"{there}/{title}"):
            _unresolved(spot, "RefNotPermitted", f"no ReferenceGrant in {there} permits the Secret {title}")
            continue
        try:
            certificate = read(secret(there, title), f"{there}/{title}")
        except ValueError as e:
            _unresolved(spot, "InvalidCertificateRef", str(e))
            continue
        good += 1
        done.certificates.setdefault(spot.hostname, certificate)
    if not good:
        spot.serves = False
        if not any(c["type"] == "ResolvedRefs" for c in spot.conditions):
            _unresolved(spot, "InvalidCertificateRef", "the listener names no certificate")


def _conflicts(spots: list[_Spot]) -> None:
    """Of listeners that cannot be told apart the first one counts."""
    protocols: dict[int, bool] = {}
    names: set[tuple[int, str]] = set()
    for spot in spots:
        if not spot.serves:
            continue
        port = spot.spec.get("port") or 0
        reason = ""
        if protocols.setdefault(port, spot.secure) != spot.secure:
            reason = "ProtocolConflict"
        elif (port, spot.hostname) in names:
            reason = "HostnameConflict"
        names.add((port, spot.hostname))
        if reason:
            message = f"another listener has port {port} already"
            _refuse(spot, reason, message)
            spot.conditions.append(condition("Conflicted", True, reason, message, spot.gateway))


def _publish(spots: list[_Spot], done: Collected, addresses: list[str], really: Mapping[int, int]) -> None:
    """The Gateway's status, and its listeners for the engine."""
    statuses = []
    for spot in spots:
        gateway, serves = spot.gateway, spot.serves
        present = {c["type"] for c in spot.conditions}
        if "Accepted" not in present:
            spot.conditions.append(condition("Accepted", True, "Accepted", "", gateway))
        if "Conflicted" not in present:
            spot.conditions.append(condition("Conflicted", False, "NoConflicts", "", gateway))
        reason = "Programmed" if serves else "Invalid"
        spot.conditions.append(condition("Programmed", serves, reason, "", gateway))
        statuses.append(
            {
                "name": spot.spec.get("name") or "",
                "supportedKinds": spot.kinds,
                "attachedRoutes": len(spot.attached),
                "conditions": spot.conditions,
            }
        )
        if serves:
            port = spot.spec["port"]
            routes = tuple(sorted(spot.routes, key=gateway_order))
            listener = Listener(f"Gateway {key(gateway)}", spot.hostname, spot.secure, routes)
            done.listeners[port] = (*done.listeners.get(port, ()), listener)
    if not spots:
        return
    gateway, good = spots[0].gateway, [s for s in spots if s.serves]
    accepted = "Accepted" if len(good) == len(spots) else "ListenersNotValid"
    if good:
        message = "" if len(good) == len(spots) else "some listeners are not valid"
        ports = sorted({really.get(s.spec["port"], s.spec["port"]) for s in good})
        where = ", ".join(f"{a}:{p}" for a in addresses for p in ports)
        conditions = [
            condition("Accepted", True, accepted, message, gateway),
            condition("Programmed", True, "Programmed", f"listening on {where}", gateway),
        ]
    else:
        conditions = [
            condition("Accepted", False, "ListenersNotValid", "no listener is valid", gateway),
            condition("Programmed", False, "Invalid", "no listener is valid", gateway),
        ]
    done.statuses["gateways", key(gateway)] = {
        "addresses": [{"type": "IPAddress", "value": a} for a in addresses],
        "conditions": conditions,
        "listeners": statuses,
    }


# ---------------------------------------------------------------------- routes


def _attach(
    route: Obj,
    spots: dict[str, list[_Spot]],
    services: Services,
    granted: Callable[..., bool],
    labels: dict[str, dict[str, str]],
    done: Collected,
) -> None:
    reader = RuleReader(route, services, granted)
    parents = []
    found: list[Route] | None = None
    unsupported = ""
    for ref in (route.get("spec") or {}).get("parentRefs") or []:
        if (ref.get("group") or GROUP, ref.get("kind") or "Gateway") != (GROUP, "Gateway"):
            continue
        there = spots.get(f"{ref.get('namespace') or namespace(route)}/{ref.get('name')}")
        if there is None:
            continue
        if found is None:
            try:
                found = reader.routes()
            except Unsupported as e:
                found, unsupported = [], str(e)
            except Exception as e:  # a mistake of ours about one route must not take the others down
                log.exception("HTTPRoute %s", key(route))
                found, unsupported = [], f"this route cannot be read: {type(e).__name__}: {e}"
        reason, message = ("UnsupportedValue", unsupported) if unsupported else _join(route, ref, there, labels, found)
        parents.append(
            {
                "parentRef": ref,
                "controllerName": CONTROLLER,
                "conditions": [
                    condition("Accepted", reason == "Accepted", reason, message, route),
                    _resolved(reader.unresolved, route),
                ],
            }
        )
    if parents or _was_ours(route):
        done.statuses["httproutes", key(route)] = {"parents": parents}


def _was_ours(route: Obj) -> bool:
    return any(p.get("controllerName") == CONTROLLER for p in (route.get("status") or {}).get("parents") or [])


def _resolved(unresolved: Unresolved | None, route: Obj) -> Obj:
    if unresolved is None:
        return condition("ResolvedRefs", True, "ResolvedRefs", "", route)
    return condition("ResolvedRefs", False, unresolved.reason, unresolved.message, route)


def _join(
    route: Obj, ref: Obj, spots: list[_Spot], labels: dict[str, dict[str, str]], rules: list[Route]
) -> tuple[str, str]:
    """Attach a route to the listeners that a parentRef means; the reason and message of its condition Accepted."""
    wanted = [
        s
        for s in spots
        if ref.get("sectionName") in (None, "", s.spec.get("name")) and ref.get("port") in (None, s.spec.get("port"))
    ]
    if not wanted:
        return "NoMatchingParent", "the Gateway has no such listener"
    allowed = [s for s in wanted if s.kinds and _may_attach(route, s, labels)]
    if not allowed:
        return "NotAllowedByListeners", f"no listener lets routes of namespace {namespace(route)} attach"
    hostnames = [h.lower() for h in (route.get("spec") or {}).get("hostnames") or []]
    joined = False
    for spot in allowed:
        hosts = intersection(spot.hostname, hostnames)
        if not hosts:
            continue
        joined = True
        spot.attached.add(key(route))
        spot.routes += [(h, r) for h in hosts for r in rules]
    if not joined:
        return "NoMatchingListenerHostname", "no listener has a hostname in common with the route"
    return "Accepted", ""


def _may_attach(route: Obj, spot: _Spot, labels: dict[str, dict[str, str]]) -> bool:
    rule = (spot.spec.get("allowedRoutes") or {}).get("namespaces") or {}
    source, ns = rule.get("from") or "Same", namespace(route)
    if source == "All":
        return True
    if source == "Selector":
        return from_label_selector(rule.get("selector") or {}).matches(labels.get(ns, {}))
    return source == "Same" and ns == namespace(spot.gateway)
