"""What the rules of Ingresses mean: whose they are, and how paths are compared. For who serves them, and who explains it.

Sources: Kubernetes concept Ingress; ingress-nginx (ImplementationSpecific paths are prefixes by characters; where an
Ingress rewrites or uses regular expressions, a path that looks like a pattern is one).
"""

from __future__ import annotations

from collections.abc import Iterable

from minikctl.api.meta import Obj, annotations_of, name

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
CONTROLLERS = frozenset({"k8s.io/ingress-nginx", "minikctl.io/ingress"})
"""What the `spec.controller` of an IngressClass of ours says."""
CLASS_NAME = "nginx"
EXACT, PREFIX, START, REGEX = "Exact", "Prefix", "ImplementationSpecific", "RegularExpression"
"""How a path is compared: whole, by elements, by characters, as a pattern from its beginning on."""


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
