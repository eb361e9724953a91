"""What the rules of Ingresses mean: whose they are, and how paths are compared. For who serves them, and who explains it.

Sources: Kubernetes concept Ingress; ingress-nginx (ImplementationSpecific paths are prefixes by characters; where an
Ingress rewrites or uses regular expressions, a path that looks like a pattern is one).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from minikctl.api.meta import Obj, annotations_of, name

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
CONTROLLERS = frozenset({"k8s.io/ingress-nginx", "minikctl.io/ingress"})
"""What the `spec.controller` of an IngressClass of ours says."""
CLASS_NAME = "nginx"
NGINX = "nginx.ingress.kubernetes.io/"
"""Before the names of ingress-nginx's annotations."""
EXACT, PREFIX, START, REGEX = "Exact", "Prefix", "ImplementationSpecific", "RegularExpression"
"""How a path is compared: whole, by elements, by characters, as a pattern from its beginning on."""


_REFERENCE = re.compile(r"\$(?:(\d+)|\{(\w+)\}|(\w+))")
_PORTS = {"http": 80, "https": 443}


def boolean(text: str) -> bool:
    """As Go's strconv.ParseBool. Raises ValueError."""
    if text in ("1", "t", "T", "TRUE", "true", "True"):
        return True
    if text in ("0", "f", "F", "FALSE", "false", "False"):
        return False
    raise ValueError("must be true or false")


def is_true(ingress: Obj, annotation: str, default: bool = False) -> bool:
    """An annotation of ingress-nginx's; one that is wrong counts as not there."""
    try:
        return boolean(annotations_of(ingress)[NGINX + annotation])
    except (KeyError, ValueError):
        return default


def origin(ingress: Obj, scheme: str, host: str = "") -> str:
    """`http://127.0.0.1:8080` of an Ingress that is served, "" of one that is not.

    Ports that are not the usual ones are in the status: the one of HTTP first, then that of HTTPS.
    """
    points = ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    if not points:
        return ""
    odd = [p["port"] for p in points[0].get("ports") or []]
    usual, place = _PORTS[scheme], list(_PORTS).index(scheme)
    port = odd[place] if len(odd) > place else usual
    shown = host or points[0].get("ip") or points[0].get("hostname") or ""
    return f"{scheme}://{shown}" + ("" if port == usual else f":{port}")


def expand(template: str, found: re.Match[str] | None, variables: Mapping[str, str]) -> str:
    """A rewrite-target or a redirect with its `$1` and `$host`; what is not known becomes nothing."""

    def value(reference: re.Match[str]) -> str:
        word = reference[1] or reference[2] or reference[3]
        if word.isdigit():
            groups = found.groups() if found is not None else ()
            return (groups[int(word) - 1] or "") if 0 < int(word) <= len(groups) else ""
        named = found.groupdict() if found is not None else {}
        return (named[word] or "") if word in named else variables.get(word, "")

    return _REFERENCE.sub(value, template) if "$" in template else template


def is_ours(ingress: Obj, classes: Iterable[Obj]) -> bool | None:
    """Whether an Ingress is served here; None when its class does not exist.

    Without a class it is, as with ingress-nginx's --watch-ingress-without-class.
    """
    wanted = (ingress.get("spec") or {}).get("ingressClassName")
    old = annotations_of(ingress).get(CLASS_ANNOTATION)
    chosen = wanted if wanted is not None else old
    if chosen is None or (wanted is None and old == ""):
        return True
    found = [c for c in classes if name(c) == chosen]
    if found:
        return (found[0].get("spec") or {}).get("controller") in CONTROLLERS
    if wanted is None:
        return chosen == CLASS_NAME
    return None


def path_kind(path: str, kind: str | None, *, use_regex: bool, rewrites: bool) -> str:
    """How a path of this pathType is compared in an Ingress that uses regular expressions, or rewrites."""
    if kind == EXACT:
        return EXACT
    if use_regex or (rewrites and looks_like_pattern(path)):
        return REGEX
    return PREFIX if kind == PREFIX else START


def looks_like_pattern(path: str) -> bool:
    return any(c in path for c in "()[]{}*+?|^$\\")


def is_below(path: str, prefix: str) -> bool:
    """Element by element: `/a` is a prefix of `/a` and `/a/b`, not of `/ab`; a slash at its end does not matter."""
    if prefix.endswith("/"):
        prefix = prefix[:-1]
    size = len(prefix)
    return path.startswith(prefix) and (len(path) == size or path[size] == "/")


_RANK = {EXACT: 0, REGEX: 1, PREFIX: 2, START: 3}


def rank(path: str, kind: str) -> tuple[bool, int, int]:
    """Which of several matching paths counts, the least: an exact one, then the longest."""
    return kind != EXACT, -len(path.rstrip("/") if kind == PREFIX else path), _RANK[kind]
