"""Which rule of which Ingress a URL meets. Pure.

As the ingress of this cluster serves them: hosts match exactly or by one leading label (`*.foo.com`), and only the most
specific one counts; an exact path wins, then the longest. `api/ingress_rules` has what both share.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from minikctl.api.ingress_rules import CLASS_ANNOTATION, EXACT, PREFIX, REGEX, is_below, is_ours, path_kind
from minikctl.api.meta import Obj, annotations_of, name, namespace

USE_REGEX = "nginx.ingress.kubernetes.io/use-regex"
REWRITE = "nginx.ingress.kubernetes.io/rewrite-target"


@dataclass(frozen=True, slots=True)
class Match:
    """A rule's path, or a default backend (`path` ""). backend: an IngressBackend."""

    ingress: Obj
    host: str
    path: str
    path_type: str
    backend: Obj


def hosts(ingresses: list[Obj]) -> list[str]:
    """Every host that a rule names, in order."""
    found = {r["host"] for i in ingresses for r in (i.get("spec") or {}).get("rules") or [] if r.get("host")}
    return sorted(found)


def host_matches(pattern: str, host: str) -> bool:
    if not pattern:
        return True
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern[2:] and bool(host.partition(".")[0])
    return pattern == host


def path_matches(own: str, kind: str, path: str) -> bool:
    """kind: as `path_kind` says it."""
    if kind == REGEX:
        try:
            return re.match(own, path, re.IGNORECASE) is not None
        except re.error:
            return False
    if kind == PREFIX:
        return is_below(path, own)
    return path == own if kind == EXACT else path.startswith(own)


def find(ingresses: list[Obj], host: str, path: str) -> Match | None:
    """The one that a request meets: the rules of the most specific host alone, then the default backends."""
    best: tuple[tuple[bool, int], Match] | None = None
    ordered = sorted(ingresses, key=lambda i: (i["metadata"].get("creationTimestamp") or "", namespace(i), name(i)))
    chosen = _host(ordered, host)
    for ingress in ordered:
        notes = annotations_of(ingress)
        for rule in (ingress.get("spec") or {}).get("rules") or []:
            if chosen is None or (rule.get("host") or "") != chosen:
                continue
            for entry in (rule.get("http") or {}).get("paths") or []:
                shown, own = entry.get("pathType") or "ImplementationSpecific", entry.get("path") or "/"
                kind = path_kind(own, shown, use_regex=notes.get(USE_REGEX) == "true", rewrites=REWRITE in notes)
                if path_matches(own, kind, path):
                    rank = (kind == EXACT, len(own.rstrip("/") if kind == PREFIX else own))
                    if best is None or rank > best[0]:
                        best = rank, Match(ingress, chosen, own, shown, entry["backend"])
    if best is not None:
        return best[1]
    defaults = [i for i in ordered if (i.get("spec") or {}).get("defaultBackend")]
    defaults.sort(key=lambda i: (not _names(i, chosen), bool(i["spec"].get("rules"))))
    return Match(defaults[0], "", "", "", defaults[0]["spec"]["defaultBackend"]) if defaults else None


def _host(ingresses: list[Obj], host: str) -> str | None:
    """Of the rules' hosts the most specific one that matches."""
    found = {r.get("host") or "" for i in ingresses for r in (i.get("spec") or {}).get("rules") or []}
    matching = [h for h in found if host_matches(h, host)]
    return min(matching, key=lambda h: (not h, h.startswith("*."))) if matching else None


def _names(ingress: Obj, host: str | None) -> bool:
    return host is not None and any((r.get("host") or "") == host for r in ingress["spec"].get("rules") or [])


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
