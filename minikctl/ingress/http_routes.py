"""The rules of an HTTPRoute → routes. Source: Gateway API, HTTPRouteRule and what is below it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from minikctl.api.gateway_rules import PATH_KINDS
from minikctl.api.ingress_rules import PREFIX, REGEX
from minikctl.api.meta import Obj, key, namespace
from minikctl.ingress.backends import Services
from minikctl.ingress.model import (
    Backend,
    Condition,
    Filters,
    HeaderChange,
    Mirror,
    PathChange,
    Redirect,
    Route,
    Settings,
    Weighted,
)

GROUP = "gateway.networking.k8s.io"
NO_ANNOTATIONS = Settings(ssl_redirect=False, body_size=0)
_DURATION = re.compile(r"(\d{1,5})(h|ms|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
Granted = Callable[[str, str, str, str, str, str], bool]
"""(from group, from kind, from namespace, to group, to kind, to namespace/name): may the one name the other?"""


class Unresolved(Exception):
    """A reference that leads nowhere: the reason and message of the condition ResolvedRefs."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason, self.message = reason, message


class Unsupported(Exception):
    """A part of the route that is not carried out here: it is not accepted."""


class RuleReader:
    """Reads the rules of one HTTPRoute. `unresolved` has the first reference that leads nowhere."""

    def __init__(self, route: Obj, services: Services, granted: Granted):
        self.obj, self.services, self.granted = route, services, granted
        self.namespace, self.owner = namespace(route), f"HTTPRoute {key(route)}"
        self.unresolved: Unresolved | None = None

    def routes(self) -> list[Route]:
        """Raises Unsupported."""
        found = []
        created = self.obj["metadata"].get("creationTimestamp") or ""
        for number, rule in enumerate((self.obj.get("spec") or {}).get("rules") or []):
            base = self._rule(rule)
            for place, match in enumerate(rule.get("matches") or [{}]):
                order = (created, key(self.obj), f"{number:05d}", f"{place:05d}")
                found.append(replace(_matched(base, match), order=order))
        return found

    def _rule(self, rule: Obj) -> Route:
        filters = self._filters(rule.get("filters"))
        timeouts = rule.get("timeouts") or {}
        return Route(
            owner=self.owner,
            path="/",
            kind=PREFIX,
            backends=tuple(self._weighted(ref) for ref in rule.get("backendRefs") or []),
            settings=NO_ANNOTATIONS,
            filters=filters,
            request_timeout=seconds(timeouts.get("request")),
            backend_timeout=seconds(timeouts.get("backendRequest")) or 60.0,
        )

    # ------------------------------------------------------------------ backends

    def _weighted(self, ref: Obj) -> Weighted:
        weight = ref.get("weight")
        return Weighted(self._backend(ref), 1 if weight is None else weight, self._filters(ref.get("filters")))

    def _backend(self, ref: Obj) -> Backend:
        """A reference that leads nowhere answers 500, a Service without endpoints 503."""
        try:
            return self._resolved(ref)
        except Unresolved as e:
            self.unresolved = self.unresolved or e
            return Backend(f"{ref.get('namespace') or self.namespace}/{ref.get('name')}", (), e.message, 500)

    def _resolved(self, ref: Obj) -> Backend:
        group, kind = ref.get("group") or "", ref.get("kind") or "Service"
        there, title = ref.get("namespace") or self.namespace, ref.get("name") or ""
        if (group, kind) not in (("", "Service"), ("core", "Service")):
            raise Unresolved("InvalidKind", f"a {kind} of group {group or 'core'} cannot be a backend here")
        if there != self.namespace and not self.granted(
            GROUP, "HTTPRoute", self.namespace, "", kind, f"{there}/{title}"
        ):
            raise Unresolved("RefNotPermitted", f"no ReferenceGrant in {there} permits the Service {title}")
        if ref.get("port") is None:
            raise Unresolved("UnsupportedValue", f"the reference to the Service {title} needs a port")
        found = self.services.backend(there, title, ref["port"])
        if found.problem and "no ready endpoint" not in found.problem:
            raise Unresolved("BackendNotFound", found.problem)
        return found

    # ------------------------------------------------------------------ filters

    def _filters(self, given: Iterable[Obj] | None) -> Filters:
        filters = Filters()
        for one in given or []:
            kind = one.get("type")
            if kind == "RequestHeaderModifier":
                change = header_change(one.get("requestHeaderModifier") or {})
                filters = replace(filters, request=filters.request.then(change))
            elif kind == "ResponseHeaderModifier":
                change = header_change(one.get("responseHeaderModifier") or {})
                filters = replace(filters, response=filters.response.then(change))
            elif kind == "RequestRedirect":
                filters = replace(filters, redirect=_redirect(one.get("requestRedirect") or {}))
            elif kind == "URLRewrite":
                rewrite = one.get("urlRewrite") or {}
                filters = replace(filters, host=rewrite.get("hostname") or "", path=_path_change(rewrite.get("path")))
            elif kind == "RequestMirror":
                filters = replace(filters, mirrors=(*filters.mirrors, self._mirror(one.get("requestMirror") or {})))
            else:
                raise Unsupported(f"the filter {kind} is not supported here")
        return filters

    def _mirror(self, mirror: Obj) -> Mirror:
        backend = self._backend(mirror.get("backendRef") or {})
        fraction = mirror.get("fraction")
        if fraction is not None:
            return Mirror(backend, fraction.get("numerator") or 0, fraction.get("denominator") or 100)
        percent = mirror.get("percent")
        return Mirror(backend, 100 if percent is None else percent)


def _matched(base: Route, match: Obj) -> Route:
    path = match.get("path") or {}
    kind = PATH_KINDS.get(path.get("type") or "PathPrefix")
    if kind is None:
        raise Unsupported(f"the path match {path.get('type')} is not supported here")
    value = path.get("value") or "/"
    return replace(
        base,
        path=value,
        kind=kind,
        pattern=_pattern(value) if kind == REGEX else None,
        method=match.get("method") or "",
        headers=_conditions(match.get("headers"), lower=True),
        query=_conditions(match.get("queryParams"), lower=False),
    )


def _conditions(given: Iterable[Obj] | None, lower: bool) -> tuple[Condition, ...]:
    """The first of several with one name counts."""
    found: dict[str, Condition] = {}
    for one in given or []:
        title, value = one.get("name") or "", one.get("value") or ""
        title = title.lower() if lower else title
        pattern = _pattern(value) if one.get("type") == "RegularExpression" else None
        found.setdefault(title, Condition(title, value, pattern))
    return tuple(found.values())


def _pattern(text: str) -> re.Pattern[str]:
    """Patterns are about the whole value."""
    try:
        return re.compile(rf"(?:{text})\Z" if not text.startswith("^") else rf"(?:{text[1:]})\Z")
    except re.error as e:
        raise Unsupported(f"{text!r} is not a regular expression: {e}") from None


def header_change(modifier: Obj) -> HeaderChange:
    """Lists of {name, value}, and names to be removed."""

    def pairs(field: str) -> tuple[tuple[str, str], ...]:
        return tuple((h.get("name") or "", h.get("value") or "") for h in modifier.get(field) or [])

    return HeaderChange(pairs("set"), pairs("add"), tuple(modifier.get("remove") or []))


def _redirect(given: Obj) -> Redirect:
    return Redirect(
        given.get("scheme") or "",
        given.get("hostname") or "",
        given.get("port"),
        _path_change(given.get("path")),
        given.get("statusCode") or 302,
    )


def _path_change(given: Obj | None) -> PathChange | None:
    if not given:
        return None
    if given.get("type") == "ReplaceFullPath":
        return PathChange(full=given.get("replaceFullPath") or "/")
    return PathChange(prefix=given.get("replacePrefixMatch") or "")


def seconds(text: str | None) -> float:
    """A GEP-2257 duration (`1h30m`, `500ms`); 0 when there is none."""
    return sum(int(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text or ""))
