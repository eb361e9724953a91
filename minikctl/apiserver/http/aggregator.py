"""What Services serve, in the documents that say what is served: discovery and OpenAPI.

An APIService with `spec.service` is asked for its own documents when somebody asks for ours. Answers are kept for a
minute, as long as the APIService stays as it is, and looked at again behind the back of whoever asks later: a server
that hangs costs one request, once, `PATIENCE` seconds. A version whose server does not answer is listed nevertheless,
as Stale, with what was known of it. Nothing is asked while nobody asks.
Source: kube-aggregator `apiserver/handler_discovery.go`, `controllers/openapi{,v3}/aggregator`; KEP-3352.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from minikctl.api.errors import ApiError, service_unavailable
from minikctl.api.meta import Obj, Objects
from minikctl.apiserver.http import negotiation
from minikctl.apiserver.http.messages import Disconnected, Request
from minikctl.apiserver.request import User
from minikctl.apiserver.server import APIServer
from minikctl.util.jsonio import JSONError, compact, loads

PATIENCE = 5.0
FRESH_SECONDS, RETRY_SECONDS = 60.0, 1.0
MOST = 16 << 20
ABOVE_DEFINITIONS = 1000
"""Groups of CustomResourceDefinitions have this priority."""
MODERN = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
)
USER = User("system:kube-aggregator", ("system:masters", "system:authenticated"))

Fetch = Callable[[APIServer, Obj], Awaitable[Any]]
"""(api, APIService) → a document of its server. Raises ApiError, and what comes of a document in no proper form."""
BAD = (ApiError, OSError, TimeoutError, Disconnected, JSONError, KeyError, TypeError, AttributeError, ValueError)


@dataclass
class _Kept:
    """What was last heard of something, and when (monotonic seconds); `value` None: nothing."""

    value: Any = None
    failed: bool = False
    at: float | None = None

    def is_old(self, now: float) -> bool:
        return self.at is None or now - self.at > (RETRY_SECONDS if self.failed else FRESH_SECONDS)


@dataclass
class Aggregator:
    """The documents of the APIServices of one API server. Used in one event loop."""

    api: APIServer
    kept: dict[tuple[str, ...], _Kept] = field(default_factory=dict)
    asking: dict[tuple[str, ...], asyncio.Task[None]] = field(default_factory=dict)
    united: tuple[tuple[Any, ...], bytes] = ((), b"")

    def services(self) -> Objects:
        """The APIServices that lead to a Service."""
        every: Objects = self.api.read_all("apiservices.apiregistration.k8s.io")
        return [s for s in every if s["spec"].get("service")]

    async def discovery(self, items: Objects) -> Objects:
        """The groups of an aggregated discovery document, with those that Services serve."""
        services = self.services()
        if not services:
            return items
        kept = await asyncio.gather(*(self._kept(s, "/apis", resources) for s in services))
        return merged(items, [(s["spec"], _version(k, s["spec"])) for s, k in zip(services, kept, strict=True)])

    def groups(self, groups: Objects) -> Objects:
        """The groups of /apis, with those that Services serve, whether these answer or not."""
        items = [{**g, "metadata": {"name": g["name"]}} for g in groups]
        found = merged(items, [(s["spec"], _group_version(s["spec"])) for s in self.services()])
        return [_api_group(g) for g in found]

    def group(self, name: str, known: Obj | None) -> Obj | None:
        """The document of a group; `known`: what is served of it here. None when nobody serves any of it."""
        found = next((g for g in self.groups([known] if known else []) if g["name"] == name), None)
        return {"kind": "APIGroup", "apiVersion": "v1", **found} if found else None

    async def openapi_v3(self, index: bytes) -> bytes:
        """The index of OpenAPI v3, with the paths of Services."""
        services = self.services()
        paths: Obj = {}
        for service, kept in zip(services, await self._all(services, "/openapi/v3", openapi_v3), strict=True):
            own = f"apis/{service['spec']['group']}/{service['spec']['version']}"
            if own in (kept.value or {}):
                paths[own] = kept.value[own]
        return compact({"paths": dict(sorted({**paths, **loads(index)["paths"]}.items()))}) if paths else index

    async def openapi_v2(self, ours: bytes, *, as_protobuf: bool) -> bytes:
        """OpenAPI v2, with the paths of Services, and with such definitions of theirs as we have not."""
        services = self.services()
        kept = await self._all(services, "/openapi/v2", openapi_v2)
        theirs = [(s["spec"], k.value) for s, k in zip(services, kept, strict=True) if k.value]
        if not theirs:
            return ours
        key = (hash(ours), as_protobuf, *(id(document) for _, document in theirs))
        if self.united[0] != key:  # large, and seldom asked for: the last one is kept
            self.united = (key, await asyncio.to_thread(united, self.api, theirs, as_protobuf))
        return self.united[1]

    # ------------------------------------------------------------------ asking

    async def _all(self, services: Objects, what: str, fetch: Fetch) -> list[_Kept]:
        return list(await asyncio.gather(*(self._kept(s, what, fetch) for s in services)))

    async def _kept(self, service: Obj, what: str, fetch: Fetch) -> _Kept:
        spec, meta = service["spec"], service["metadata"]
        available = [c.get("status") for c in (service.get("status") or {}).get("conditions") or []]
        key = (meta["name"], what, compact([meta.get("uid"), spec, available]).decode())
        kept = self.kept.get(key)
        if kept is None:
            before = [self.kept.pop(k) for k in list(self.kept) if k[:2] == key[:2]]
            kept = self.kept[key] = _Kept(before[0].value if before else None)
        waits = kept.at is None
        if kept.is_old(time.monotonic()) and key not in self.asking:
            self.asking[key] = asyncio.ensure_future(self._ask(service, fetch, key, kept))
        if waits and key in self.asking:
            await asyncio.wait({self.asking[key]})
        return kept

    async def _ask(self, service: Obj, fetch: Fetch, key: tuple[str, ...], kept: _Kept) -> None:
        try:
            kept.value = await asyncio.wait_for(fetch(self.api, service), PATIENCE)
            kept.failed = False
        except BAD:
            kept.failed = True
        finally:
            kept.at = time.monotonic()
            self.asking.pop(key, None)


async def ask(api: APIServer, service: Obj, path: str, accept: str) -> Any:
    """What a GET in the aggregator's own name answers, as data. Raises ApiError."""
    from minikctl.apiserver.http.streaming import aggregation

    stays = asyncio.Event()

    async def receive() -> Obj:
        """No body comes, and nobody goes away."""
        await stays.wait()
        return {"type": "http.disconnect"}

    headers = {"accept": accept, "host": "kubernetes.default.svc"}
    request = Request("GET", path, {}, {}, headers, receive, user=USER)
    response = await aggregation.serve(api, service, request)
    data = response.body
    if response.stream is not None:
        try:
            async for chunk in response.stream:
                data += chunk
                if len(data) > MOST:
                    raise service_unavailable(f"{path}: too long")
        finally:
            await response.stream.aclose()  # type: ignore[attr-defined]
    if response.status != 200:
        raise ApiError(response.status, "", f"{path} answered {response.status}")
    return loads(data)


async def resources(api: APIServer, service: Obj) -> Obj | None:
    """The APIVersionDiscovery of one APIService; None when its server says that it does not serve it."""
    spec = service["spec"]
    try:
        document = await ask(api, service, "/apis", MODERN)
        if document.get("kind") == "APIGroupDiscoveryList":
            return _entry(document, spec)
    except ApiError as e:
        if e.code not in (404, 406):
            raise
    legacy = await ask(api, service, f"/apis/{spec['group']}/{spec['version']}", negotiation.JSON)
    return modern(legacy, spec["version"])


async def openapi_v3(api: APIServer, service: Obj) -> Obj:
    """The paths of an index."""
    return dict((await ask(api, service, "/openapi/v3", negotiation.JSON))["paths"])


async def openapi_v2(api: APIServer, service: Obj) -> Obj:
    return dict(await ask(api, service, "/openapi/v2", negotiation.JSON))


def united(api: APIServer, theirs: list[tuple[Obj, Obj]], as_protobuf: bool) -> bytes:
    """Our OpenAPI v2 document with others: (APIService spec, document)."""
    from minikctl.api.openapi import document_v2, protobuf

    whole = document_v2(api.resources.all())
    for spec, document in theirs:
        prefix = f"/apis/{spec['group']}/{spec['version']}/"
        paths = {p: v for p, v in (document.get("paths") or {}).items() if f"{p}/".startswith(prefix)}
        if paths:
            whole["paths"] |= paths
            whole["definitions"] = {**(document.get("definitions") or {}), **whole["definitions"]}
    return protobuf.document_v2(whole) if as_protobuf else compact(whole)


# ---------------------------------------------------------------------- pure


def _version(kept: _Kept, spec: Obj) -> Obj:
    known = kept.value or {"version": spec["version"]}
    return {**known, "freshness": "Stale" if kept.failed else "Current"}


def _group_version(spec: Obj) -> Obj:
    return {"groupVersion": f"{spec['group']}/{spec['version']}", "version": spec["version"]}


def _api_group(item: Obj) -> Obj:
    versions = item["versions"]
    return {"name": item["metadata"]["name"], "versions": versions, "preferredVersion": versions[0]}


def _entry(document: Obj, spec: Obj) -> Obj | None:
    """What a document of a server says of one version."""
    for group in document.get("items") or []:
        if (group.get("metadata") or {}).get("name") == spec["group"]:
            return next((v for v in group.get("versions") or [] if v.get("version") == spec["version"]), None)
    return None


def modern(legacy: Obj, version: str) -> Obj:
    """An APIResourceList as an APIVersionDiscovery."""
    group = str(legacy.get("groupVersion") or "").rpartition("/")[0]
    shown: dict[str, Obj] = {}
    for one in legacy.get("resources") or []:
        resource, _, sub = one["name"].partition("/")
        kind = {
            "group": one.get("group") or group,
            "version": one.get("version") or version,
            "kind": one.get("kind") or "",
        }
        if sub:
            entry = {"subresource": sub, "responseKind": kind, "verbs": one.get("verbs") or []}
            parent = shown.setdefault(resource, {"resource": resource})
            parent["subresources"] = [*parent.get("subresources", []), entry]
            continue
        shown[resource] = {
            "resource": resource,
            "responseKind": kind,
            "scope": "Namespaced" if one.get("namespaced") else "Cluster",
            "singularResource": one.get("singularName") or "",
            "verbs": one.get("verbs") or [],
            **{k: one[k] for k in ("shortNames", "categories") if one.get(k)},
            **{k: v for k, v in shown.get(resource, {}).items() if k == "subresources"},
        }
    return {"version": version, "resources": list(shown.values())}


def merged(items: Objects, found: Iterable[tuple[Obj, Obj]]) -> Objects:
    """Discovery's groups with (APIService spec, APIVersionDiscovery) added.

    A group that is served elsewhere only has its place by its priority: after the built-in ones, and before those of
    CustomResourceDefinitions where it claims more than these. In a group, versions are by their own priority; ours come
    first.
    """
    by_group: dict[str, list[tuple[Obj, Obj]]] = {}
    for spec, version in found:
        by_group.setdefault(spec["group"], []).append((spec, version))
    result: Objects = []
    for group in items:
        name = (group.get("metadata") or {}).get("name", "")
        known = {v["version"] for v in group["versions"]}
        more = [v for v in _in_order(by_group.pop(name, [])) if v["version"] not in known]
        result.append({**group, "versions": [*group["versions"], *more]} if more else group)
    for name, mine in sorted(by_group.items(), key=lambda g: (max(_priority(s) for s, _ in g[1]), g[0])):
        at = _place(result) if max(_priority(s) for s, _ in mine) > ABOVE_DEFINITIONS else len(result)
        result.insert(at, {"metadata": {"name": name}, "versions": _in_order(mine)})
    return result


def _priority(spec: Obj) -> int:
    return int(spec.get("groupPriorityMinimum") or 0)


def _place(items: Objects) -> int:
    from minikctl.apiserver.http.discovery import PRIORITY

    built_in = [i for i, g in enumerate(items) if (g.get("metadata") or {}).get("name", "") in PRIORITY]
    return built_in[-1] + 1 if built_in else 0


def _in_order(found: list[tuple[Obj, Obj]]) -> Objects:
    return [v for _, v in sorted(found, key=lambda one: -int(one[0].get("versionPriority") or 0))]
