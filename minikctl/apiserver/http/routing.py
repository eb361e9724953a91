"""What a URL of the Kubernetes API means. Pure. Source: apiserver `endpoints/request/requestinfo.go`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from minikctl.api.selectors import SelectorError, parse_field_selector
from minikctl.apiserver.http.list_options import flag

NAMESPACE_SUBRESOURCES = frozenset({"status", "finalize"})
PROXIED = frozenset({"proxy"})


@dataclass(frozen=True, slots=True)
class Target:
    """A resource request. `verb` is one of Kubernetes' (get list watch create update patch delete deletecollection)."""

    verb: str
    group: str
    version: str
    resource: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""
    """What follows a proxy subresource."""
    only: str = ""
    """The one name that a list, watch or deletecollection is about by its field selector: rules with names hold for it."""
    node: str = ""
    """The same for the node that pods are on."""


class BadPath(Exception):
    """The path names nothing that could be served: 404."""


def split(raw_path: str) -> list[str]:
    """The decoded segments of a path. Raises BadPath for tricks: `..`, encoded slashes, empty segments, NUL."""
    segments = [unquote(s, errors="strict") for s in raw_path.strip("/").split("/")] if raw_path.strip("/") else []
    for segment in segments:
        if segment in ("", ".", "..") or "/" in segment or "\0" in segment:
            raise BadPath(raw_path)
    return segments


def target(method: str, raw_path: str, query: Mapping[str, str]) -> Target | None:
    """The resource request that a method and path make; None for paths outside of /api and /apis/GROUP/VERSION.

    Raises BadPath.
    """
    try:
        return _target(method, raw_path, query)
    except UnicodeDecodeError:
        raise BadPath(raw_path) from None


def _target(method: str, raw_path: str, query: Mapping[str, str]) -> Target | None:
    head = raw_path.strip("/").split("/", 4)
    if head[0] == "api" and len(head) > 2:
        group, version, skip = "", head[1], 2
    elif head[0] == "apis" and len(head) > 3:
        group, version, skip = unquote(head[1]), head[2], 3
    else:
        return None
    raw = raw_path.strip("/").split("/")[skip:]
    watching = raw[:1] == ["watch"]
    if watching:
        raw = raw[1:]
    proxy = _proxy_at(raw)
    rest = "/".join(raw[proxy + 1 :]) if proxy else ""
    parts = split("/".join(raw[: proxy + 1] if proxy else raw))
    namespace = ""
    if parts[:1] == ["namespaces"] and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and not (parts[2] in NAMESPACE_SUBRESOURCES and not group and len(parts) == 3):
            parts = parts[2:]
    if not parts:
        raise BadPath(raw_path)
    resource, name = parts[0], parts[1] if len(parts) > 1 else ""
    subresource = "/".join(parts[2:])
    if resource == "namespaces":
        namespace = name
    verb = _verb(method, name, watching, query)
    only = node = ""
    if not name and verb in ("list", "watch", "deletecollection"):
        only, node = _exact(query, "metadata.name"), _exact(query, "spec.nodeName")
    return Target(verb, group, version, resource, namespace, name, subresource, rest, only, node)


def _exact(query: Mapping[str, str], field: str) -> str:
    """The one value of a field that is selected."""
    try:
        return parse_field_selector(query.get("fieldSelector", "")).exact(field) or ""
    except SelectorError:
        return ""


def _proxy_at(raw: list[str]) -> int:
    """The index of a proxy subresource, 0 when there is none: what follows it is not ours to judge."""
    start = 2 if raw[:1] == ["namespaces"] and len(raw) > 2 else 0
    at = start + 2
    return at if len(raw) > at and raw[at] in PROXIED else 0


def _verb(method: str, name: str, watching: bool, query: Mapping[str, str]) -> str:
    match method:
        case "GET" | "HEAD":
            wants_watch = watching or flag(query, "watch")
            if wants_watch and (not name or watching):
                return "watch"
            return "get" if name else "list"
        case "POST":
            return "create"
        case "PUT":
            return "update"
        case "PATCH":
            return "patch"
        case "DELETE":
            return "delete" if name else "deletecollection"
    return method.lower()
