"""The hop of an Ingress: what it does with a request, which Service it leads to, or why to none. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from minikctl.api.ingress_rules import origin
from minikctl.api.meta import Obj, name, namespace
from minikctl.kubectl.tracing import routing
from minikctl.kubectl.tracing.facts import Facts
from minikctl.kubectl.tracing.model import Hop
from minikctl.kubectl.tracing.words import Wanted


def ingress(facts: Facts, wanted: Wanted) -> tuple[Hop, Obj | None, Wanted]:
    """The hop, and the Service with its port that the way leads on to; without one, the hop has a reason."""
    ours = routing.served(facts.ingresses, facts.classes)
    match = routing.find(ours, wanted.host, wanted.path)
    match = match or routing.find(facts.ingresses, wanted.host, wanted.path)
    if match is None:
        return _no_rule(facts, wanted), None, wanted
    title = f"{namespace(match.ingress)}/{name(match.ingress)}"
    rule = f"{match.path_type} {match.path} of {match.host or 'all hosts'}" if match.path else "its default backend"
    hop = Hop("Ingress", title, rule)
    hop.reason, hop.message = _not_served(facts, match, ours, wanted)
    if hop.reason:
        return hop, None, wanted
    asked = routing.target(match, wanted.scheme, wanted.host, wanted.path)
    hop.detail += f", asked of the pod as {asked}" if asked != wanted.path else ""
    hop.note = "; ".join(_notes(match, ours, wanted))
    target = match.backend.get("service") or {}
    service = facts.service(target.get("name") or "", namespace(match.ingress))
    if not target:
        hop.reason, hop.message = "BackendUnsupported", f"the backend of Ingress {title} is not a Service"
    elif service is None:
        there = f"{namespace(match.ingress)}/{target['name']}"
        hop.reason, hop.message = "ServiceNotFound", f"Ingress {title} leads to Service {there}, which does not exist"
    port = target.get("port") or {}
    return hop, service, Wanted(target.get("name") or "", str(port.get("name") or port.get("number") or ""), "", asked)


def _no_rule(facts: Facts, wanted: Wanted) -> Hop:
    known = routing.hosts(facts.ingresses)
    if any(routing.host_matches(h, wanted.host) for i in facts.ingresses for h, _ in routing.rules(i)):
        message = f"no Ingress for {wanted.host} has a path for {wanted.path}"
        return Hop("Ingress", wanted.host, reason="NoIngressPath", message=message)
    rules = f"; there are rules for {', '.join(known)}" if known else ""
    return Hop(
        "Ingress", wanted.host, reason="NoIngressHost", message=f"no Ingress has a rule for {wanted.host}{rules}"
    )


def _not_served(facts: Facts, match: routing.Match, ours: list[Obj], wanted: Wanted) -> tuple[str, str]:
    title = f"{namespace(match.ingress)}/{name(match.ingress)}"
    if problem := routing.class_problem(match.ingress, facts.classes):
        return "NoIngressController", f"nobody serves Ingress {title}: {problem}"
    served_at = routing.ports(ours)
    if served_at and wanted.port and wanted.number not in (*served_at, 80, 443):
        where = ", ".join(f"{port} ({scheme})" for port, scheme in sorted(served_at.items()))
        return "PortNotServed", f"Ingresses are served at port {where}, not at {wanted.port}"
    return "", ""


def _notes(match: routing.Match, ours: list[Obj], wanted: Wanted) -> Iterator[str]:
    where = origin(match.ingress, wanted.scheme or "http")
    yield f"at {where}" if where else "it has no address yet: the ingress has not taken it up"
    if wanted.scheme == "http" and routing.to_https(match, ours, wanted.host):
        yield "plain HTTP is sent to https first"
    yield from routing.canaries(match, ours)
