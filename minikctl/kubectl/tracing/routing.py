"""Which rule of which Ingress a URL meets. Pure.

Source: Kubernetes concept "Ingress": hosts match exactly or by one leading label (`*.foo.com`); the longest path wins,
an exact one before a prefix of the same length; a rule for a host comes before those for all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from minikctl.api.meta import Obj, annotations_of, name, namespace

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
USE_REGEX = "nginx.ingress.kubernetes.io/use-regex"
REWRITE = "nginx.ingress.kubernetes.io/rewrite-target"
DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"


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


def path_matches(pattern: str, kind: str, path: str, *, regex: bool = False) -> bool:
    if kind == "Exact":
        return path == pattern
    if regex and kind == "ImplementationSpecific":
        try:
            return re.match(pattern, path, re.IGNORECASE) is not None
        except re.error:
            return False
    whole = pattern.rstrip("/")
    return path == whole or path.startswith(whole + "/")


def find(ingresses: list[Obj], host: str, path: str) -> Match | None:
    """The one that a request meets, rules before default backends."""
    best: tuple[tuple[bool, bool, int, bool], Match] | None = None
    for ingress in sorted(
        ingresses, key=lambda i: (i["metadata"].get("creationTimestamp") or "", namespace(i), name(i))
    ):
        regex = annotations_of(ingress).get(USE_REGEX) == "true" or REWRITE in annotations_of(ingress)
        for rule in (ingress.get("spec") or {}).get("rules") or []:
            pattern = rule.get("host") or ""
            if not host_matches(pattern, host):
                continue
            for entry in (rule.get("http") or {}).get("paths") or []:
                kind, own = entry.get("pathType") or "ImplementationSpecific", entry.get("path") or "/"
                if path_matches(own, kind, path, regex=regex):
                    rank = (bool(pattern), not pattern.startswith("*."), len(own), kind == "Exact")
                    if best is None or rank > best[0]:
                        best = rank, Match(ingress, pattern, own, kind, entry["backend"])
    if best is not None:
        return best[1]
    for ingress in ingresses:
        backend = (ingress.get("spec") or {}).get("defaultBackend")
        if backend and not (ingress["spec"].get("rules") and not _about(ingress, host)):
            return Match(ingress, "", "", "", backend)
    return None


def _about(ingress: Obj, host: str) -> bool:
    return any(host_matches(r.get("host") or "", host) for r in ingress["spec"].get("rules") or [])


def class_problem(ingress: Obj, classes: list[Obj]) -> str:
    """Why nobody serves this Ingress, "" when somebody may."""
    wanted = ingress["spec"].get("ingressClassName") or annotations_of(ingress).get(CLASS_ANNOTATION)
    if wanted:
        if ingress["spec"].get("ingressClassName") and wanted not in {name(c) for c in classes}:
            return f"its IngressClass {wanted!r} does not exist"
        return ""
    if classes and not any(annotations_of(c).get(DEFAULT_CLASS) == "true" for c in classes):
        return "it names no IngressClass, and none is the default"
    return ""
