"""Which rule of which Ingress a URL meets, and what the ingress does with it. Pure.

As the ingress of this cluster serves them: hosts match exactly or by one leading label (`*.foo.com`), and only the most
specific one counts; an exact path wins, then the longest. `api/ingress_rules` has what both share.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from minikctl.api.ingress_rules import (
    CLASS_ANNOTATION,
    EXACT,
    NGINX,
    PREFIX,
    REGEX,
    expand,
    is_below,
    is_ours,
    is_true,
    origin,
    path_kind,
    rank,
)
from minikctl.api.meta import Obj, annotations_of, name, namespace


@dataclass(frozen=True, slots=True)
class Match:
    """A rule's path, or a default backend (`path` ""; `host`: the rules that had no path for it). backend: an IngressBackend; kind: as `path_kind` says it."""

    ingress: Obj
    host: str
    path: str
    path_type: str
    backend: Obj
    kind: str = PREFIX


def served(ingresses: list[Obj], classes: list[Obj]) -> list[Obj]:
    """Those of our classes."""
    return [i for i in ingresses if is_ours(i, classes)]


def rules(ingress: Obj) -> Iterator[tuple[str, Obj]]:
    """(host, rule), under the host's other names, too."""
    aliases = [a.strip() for a in annotations_of(ingress).get(NGINX + "server-alias", "").split(",") if a.strip()]
    for rule in (ingress.get("spec") or {}).get("rules") or []:
        host = (rule.get("host") or "").lower()
        for each in (host, *(aliases if host else ())):
            yield each, rule


def hosts(ingresses: list[Obj]) -> list[str]:
    """Every host that a rule names, in order."""
    return sorted({host for i in ingresses for host, _ in rules(i) if host})


def host_matches(pattern: str, host: str) -> bool:
    if not pattern:
        return True
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern[2:] and bool(host.partition(".")[0])
    return pattern == host


def path_matches(own: str, kind: str, path: str) -> bool:
    if kind == REGEX:
        try:
            return re.match(own, path, re.IGNORECASE) is not None
        except re.error:
            return False
    if kind == PREFIX:
        return is_below(path, own)
    return path == own if kind == EXACT else path.startswith(own)


def find(ingresses: list[Obj], host: str, path: str) -> Match | None:
    """The one that a request meets: the rules of the most specific host alone, then the default backends. Canaries do
    not count: they are ways beside another Ingress' rule."""
    mains = [i for i in ingresses if not is_true(i, "canary")]
    ordered = sorted(mains, key=lambda i: (i["metadata"].get("creationTimestamp") or "", namespace(i), name(i)))
    chosen = _host(ordered, host)
    found = [m for i in ordered for h, rule in rules(i) if h == chosen for m in _paths(i, h, rule, path)]
    if found:
        return min(found, key=lambda m: rank(m.path, m.kind))
    defaults = [i for i in ordered if (i.get("spec") or {}).get("defaultBackend")]
    defaults.sort(key=lambda i: (not _names(i, chosen), bool(i["spec"].get("rules"))))
    return Match(defaults[0], chosen or "", "", "", defaults[0]["spec"]["defaultBackend"]) if defaults else None


def _paths(ingress: Obj, host: str, rule: Obj, path: str) -> Iterator[Match]:
    rewrites = bool(annotations_of(ingress).get(NGINX + "rewrite-target"))
    for entry in (rule.get("http") or {}).get("paths") or []:
        shown, own = entry.get("pathType") or "ImplementationSpecific", entry.get("path") or "/"
        kind = path_kind(own, shown, use_regex=is_true(ingress, "use-regex"), rewrites=rewrites)
        if path_matches(own, kind, path):
            yield Match(ingress, host, own, shown, entry.get("backend") or {}, kind)


def _host(ingresses: list[Obj], host: str) -> str | None:
    """Of the rules' hosts the most specific one that matches."""
    matching = [h for h in {h for i in ingresses for h, _ in rules(i)} if host_matches(h, host)]
    return min(matching, key=lambda h: (not h, h.startswith("*."))) if matching else None


def _names(ingress: Obj, host: str | None) -> bool:
    return host is not None and any(h == host for h, _ in rules(ingress))


# ---------------------------------------------------------------------- what is done with the request


def target(match: Match, scheme: str, host: str, path: str) -> str:
    """The path that the endpoint is asked for, as far as annotations change it."""
    template = annotations_of(match.ingress).get(NGINX + "rewrite-target")
    if not template:
        return path
    found = re.match(match.path, path, re.IGNORECASE) if match.kind == REGEX else None
    known = {"host": host, "http_host": host, "scheme": scheme, "uri": path, "request_uri": path}
    return expand(template, found, known).removesuffix("?") or "/"


def to_https(match: Match, ingresses: list[Obj], host: str) -> bool:
    """Whether plain HTTP is answered with a redirect: where the host has a `tls` entry, unless it says otherwise."""
    if is_true(match.ingress, "force-ssl-redirect"):
        return True
    mains = [i for i in ingresses if not is_true(i, "canary")]
    return is_true(match.ingress, "ssl-redirect", default=True) and any(_secures(i, match.host) for i in mains)


def _secures(ingress: Obj, host: str) -> bool:
    spec = ingress.get("spec") or {}
    own = {(r.get("host") or "").lower() for r in spec.get("rules") or []}
    return any(host in ({h.lower() for h in t.get("hosts") or []} or own) for t in spec.get("tls") or [])


def canaries(match: Match, ingresses: list[Obj]) -> list[str]:
    """In words, who else may get the request, and when."""
    found = []
    for ingress in ingresses if match.path else ():
        if not is_true(ingress, "canary"):
            continue
        if any(
            h == match.host and m.path == match.path
            for h, r in rules(ingress)
            for m in _paths(ingress, h, r, match.path)
        ):
            found.append(f"canary {namespace(ingress)}/{name(ingress)} takes {_share(annotations_of(ingress))}")
    return found


def _share(notes: dict[str, str]) -> str:
    words = []
    if header := notes.get(NGINX + "canary-by-header"):
        value = notes.get(NGINX + "canary-by-header-value") or notes.get(NGINX + "canary-by-header-pattern") or "always"
        words.append(f"those with header {header}: {value}")
    if cookie := notes.get(NGINX + "canary-by-cookie"):
        words.append(f"those with cookie {cookie}=always")
    weight, total = notes.get(NGINX + "canary-weight", "0"), notes.get(NGINX + "canary-weight-total", "100")
    if weight != "0":
        words.append(f"{weight} of {total} requests")
    return ", ".join(words) or "none"


def ports(ingresses: list[Obj]) -> dict[int, str]:
    """Where they are served: port → the scheme that is spoken there."""
    found = {}
    for ingress in ingresses:
        for scheme, usual in (("http", 80), ("https", 443)):
            where = origin(ingress, scheme)
            if where and (scheme == "http" or (ingress.get("spec") or {}).get("tls")):
                tail = where.rpartition(":")[2]
                found[int(tail) if tail.isdigit() else usual] = scheme
    return found


def class_problem(ingress: Obj, classes: list[Obj]) -> str:
    """Why nobody serves this Ingress, "" when it is served."""
    ours = is_ours(ingress, classes)
    if ours:
        return ""
    wanted = ingress["spec"].get("ingressClassName") or annotations_of(ingress).get(CLASS_ANNOTATION)
    if ours is None:
        return f"its IngressClass {wanted!r} does not exist"
    found = next((c for c in classes if name(c) == wanted), None)
    controller = (found.get("spec") or {}).get("controller") if found else ""
    return (
        f"its class {wanted!r} is served by {controller or 'another controller'}, which is not a part of this cluster"
    )
