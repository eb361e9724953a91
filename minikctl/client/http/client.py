"""The `Client` protocol over HTTP: one method a verb, from its arguments to a request and back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import Any
from urllib.parse import quote

from minikctl import KUBERNETES_VERSION
from minikctl.api.errors import ApiError, no_such_resource
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.api.watch import Event, Sink, Stop
from minikctl.client.cause import because
from minikctl.client.http.answers import failure, parsed, warnings
from minikctl.client.http.discovery import Discovery
from minikctl.client.http.endpoint import Endpoint
from minikctl.client.http.transport import Query, StreamAnswer, Transport
from minikctl.client.protocol import DeleteOptions, Stream, WriteOptions
from minikctl.util.errors import UsageError
from minikctl.util.jsonio import compact, loads

TABLE = (
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
)
PATCHES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


def agent(actor: str) -> str:
    """The User-Agent: managedFields name a writer by its first word when it gives no field manager."""
    program = "kubectl" if actor.startswith("kubectl-") else actor.partition("/")[0]
    return f"{program}/{KUBERNETES_VERSION} (minikctl)"


class HttpClient:
    """A `Client` on a server elsewhere. Safe for several threads.

    chunk_size: long lists are read in parts of this size, 0 for no parts. cache: the file that discovery is kept in.
    """

    def __init__(
        self, endpoint: Endpoint, *, actor: str = "minikctl", chunk_size: int = 500, cache: Path | None = None
    ):
        self.actor = actor
        self.chunk_size = chunk_size
        self._transport = Transport(endpoint, agent(actor))
        self._discovery = Discovery(lambda path, accept: self._json("GET", path, accept=accept), cache)
        self._warned: Callable[[str], None] = lambda _text: None
        self._told: set[str] = set()

    def for_actor(self, actor: str) -> HttpClient:
        """The same connections; writes are noted under another name."""
        other = copy(self)
        other.actor, other._transport = actor, self._transport.renamed(agent(actor))
        return other

    def close(self) -> None:
        self._transport.close()

    # ------------------------------------------------------------------ kinds

    def kind(self, word: str) -> Kind | None:
        return self._discovery.find(word)

    def kind_of(self, api_version: str, kind: str) -> Kind | None:
        group, slash, version = api_version.rpartition("/")
        return self._discovery.by_gvk(group if slash else "", version, kind)

    def kinds(self) -> list[Kind]:
        return self._discovery.all()

    def _kind(self, kind: Kind | str) -> Kind:
        found = kind if isinstance(kind, Kind) else self.kind(kind)
        if found is None:
            raise no_such_resource()
        return found

    # ------------------------------------------------------------------ reading

    def get(self, kind: Kind | str, name: str, namespace: str = "", *, subresource: str = "") -> Obj:
        return self._json("GET", path_of(self._kind(kind), namespace, name, subresource))

    def list(
        self,
        kind: Kind | str,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
        resource_version: str = "",
    ) -> Obj:
        kind = self._kind(kind)
        query = _query(labelSelector=label_selector, fieldSelector=field_selector, resourceVersion=resource_version)
        found = self._pages(path_of(kind, namespace), query, limit, continue_token, "items")
        head = {"apiVersion": kind.api_version, "kind": kind.kind}
        return {**found, "items": [{**head, **item} for item in found.get("items") or []]}

    def table(
        self,
        kind: Kind | str,
        namespace: str = "",
        *,
        name: str = "",
        label_selector: str = "",
        field_selector: str = "",
        include: str = "Metadata",
        limit: int = 0,
        continue_token: str = "",
    ) -> Obj:
        kind = self._kind(kind)
        query = _query(
            labelSelector=label_selector, fieldSelector=field_selector, includeObject=include * (include != "Metadata")
        )
        if name:
            return self._json("GET", path_of(kind, namespace, name), query, accept=TABLE)
        return self._pages(path_of(kind, namespace), query, limit, continue_token, "rows", accept=TABLE)

    def _pages(self, path: str, query: Query, limit: int, token: str, what: str, *, accept: str = "") -> Obj:
        """A list; without a limit of the caller's it is read in parts and put together."""
        wanted = limit or self.chunk_size
        first: Obj = {}
        while True:
            found = self._json("GET", path, [*query, *_query(limit=wanted or "", **{"continue": token})], accept=accept)
            parts = found.get(what) or []
            if first:
                found = {**first, "metadata": found.get("metadata") or {}, what: [*first[what], *parts]}
            else:
                found = {**found, what: parts}
            metadata = dict(found.get("metadata") or {})
            token = metadata.get("continue") or ""
            if not token or limit:
                return found
            first = found

    def watch(
        self,
        kind: Kind | str,
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        timeout: float | None = None,
        include: str = "",
    ) -> Iterator[Event]:
        seconds = "" if timeout is None else max(1, int(timeout + 0.999))
        query = _query(
            watch="true",
            resourceVersion=resource_version,
            labelSelector=label_selector,
            fieldSelector=field_selector,
            timeoutSeconds=seconds,
            includeObject=include * (include not in ("", "Metadata")),
        )
        deadline = None if timeout is None else time.monotonic() + timeout
        answer = self.open_stream(path_of(self._kind(kind), namespace), query, TABLE if include else "")
        return _events(answer, deadline)

    def open_stream(self, path: str, query: Query, accept: str = "") -> StreamAnswer:
        """An answer that goes on. Raises ApiError, Unreachable."""
        answer = self._transport.stream(path, query, {"Accept": accept} if accept else None)
        self._tell(warnings(answer.headers))
        if answer.status >= 300:
            raise failure("GET", answer.status, answer.read())
        return answer

    def reflect(
        self, kind: Kind | str, sink: Sink, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> Stop:
        from minikctl.client.http.reflector import Reflector

        query = _query(labelSelector=label_selector, fieldSelector=field_selector)
        return Reflector(self, self._kind(kind), namespace, query, sink).start()

    # ------------------------------------------------------------------ writing

    def create(
        self,
        kind: Kind | str,
        obj: Obj,
        namespace: str = "",
        *,
        name: str = "",
        subresource: str = "",
        options: WriteOptions = WriteOptions(),
    ) -> Obj:
        kind = self._kind(kind)
        if not subresource:
            obj = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
        namespace = namespace or (obj.get("metadata") or {}).get("namespace", "")
        path = path_of(kind, namespace, name if subresource else "", subresource)
        return self._json("POST", path, _write(options), body=compact(obj))

    def update(
        self, kind: Kind | str, obj: Obj, *, subresource: str = "", options: WriteOptions = WriteOptions()
    ) -> Obj:
        kind, meta = self._kind(kind), obj["metadata"]
        if not subresource:
            obj = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
        path = path_of(kind, meta.get("namespace", ""), meta["name"], subresource)
        return self._json("PUT", path, _write(options), body=compact(obj))

    def patch(
        self,
        kind: Kind | str,
        name: str,
        patch: Any,
        namespace: str = "",
        *,
        patch_type: str = "merge",
        subresource: str = "",
        options: WriteOptions = WriteOptions(),
    ) -> Obj:
        body = patch if isinstance(patch, bytes) else patch.encode() if isinstance(patch, str) else compact(patch)
        path = path_of(self._kind(kind), namespace, name, subresource)
        return self._json("PATCH", path, _write(options), body=body, content_type=PATCHES[patch_type])

    def delete(
        self, kind: Kind | str, name: str, namespace: str = "", *, options: DeleteOptions = DeleteOptions()
    ) -> Obj:
        body: Obj = {"kind": "DeleteOptions", "apiVersion": "v1"}
        conditions = {"uid": options.uid, "resourceVersion": options.resource_version}
        parts = {
            "gracePeriodSeconds": options.grace_period,
            "propagationPolicy": options.propagation or None,
            "preconditions": {k: v for k, v in conditions.items() if v} or None,
            "dryRun": ["All"] if options.dry_run else None,
        }
        body |= {k: v for k, v in parts.items() if v is not None}
        return self._json("DELETE", path_of(self._kind(kind), namespace, name), body=compact(body))

    # ------------------------------------------------------------------ containers

    def logs(self, name: str, namespace: str, options: Mapping[str, Any]) -> Iterator[bytes]:
        path = path_of(self._kind("pods"), namespace, name, "log")
        return self.open_stream(path, _options(options), "*/*").chunks()

    def connect(
        self, kind: Kind | str, name: str, namespace: str, subresource: str, options: Mapping[str, Any]
    ) -> Stream:
        from minikctl.client.http.websocket import connect

        path = path_of(self._kind(kind), namespace, name, subresource)
        port = int(options["port"]) if subresource == "portforward" else None
        return connect(self._transport, path, _options(options), port=port)

    # ------------------------------------------------------------------ the rest

    def history(
        self,
        kind: Kind | str,
        name: str,
        namespace: str = "",
        *,
        after: str = "",
        follow: bool = False,
        timeout: float | None = None,
    ) -> Iterator[Obj]:
        raise UsageError("the history of objects is kept in a state directory of minikctl's: not to be had over HTTP")

    def raw(self, path: str) -> bytes:
        before, _, query = path.partition("?")
        answer = self._transport.request("GET", f"{before}?{query}" if query else before)
        if answer.status >= 300:
            raise failure("GET", answer.status, answer.body)
        return answer.body

    def version(self) -> Obj:
        return self._json("GET", "/version")

    def on_warning(self, handler: Callable[[str], None]) -> None:
        self._warned = handler

    def _tell(self, texts: list[str]) -> None:  # type: ignore[valid-type]
        """Each warning once."""
        for text in texts:  # type: ignore[attr-defined]
            if text not in self._told:
                self._told.add(text)
                self._warned(text)

    def _json(
        self,
        method: str,
        path: str,
        query: Query = (),
        *,
        accept: str = "",
        body: bytes = b"",
        content_type: str = "application/json",
    ) -> Obj:
        """Ask for a JSON document. Raises ApiError, Unreachable."""
        headers = {"Accept": accept} if accept else {}
        if body:
            headers["Content-Type"] = content_type
        if (cause := because()) is not None:
            headers["Minikctl-Because"] = str(cause)
        answer = self._transport.request(method, path, query, headers, body)
        self._tell(warnings(answer.headers))
        if answer.status >= 300:
            raise failure(method, answer.status, answer.body)
        return parsed(answer.body)


def path_of(kind: Kind, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """`/apis/apps/v1/namespaces/default/deployments/web/scale`."""
    parts = ["apis", kind.group, kind.version] if kind.group else ["api", kind.version]
    if kind.namespaced and namespace:
        parts += ["namespaces", namespace]
    parts += [kind.plural, name, *subresource.split("/")]
    return "/" + "/".join(quote(p, safe="") for p in parts if p)


def _query(**values: Any) -> Query:
    return [(k, str(v)) for k, v in values.items() if v not in ("", None)]


def _write(options: WriteOptions) -> Query:
    return _query(
        dryRun="All" if options.dry_run else "",
        fieldManager=options.field_manager,
        fieldValidation=options.field_validation,
        force="true" if options.force else "",
    )


def _options(options: Mapping[str, Any]) -> Query:
    """PodLogOptions, PodExecOptions and their like as a query: lists repeat, false and nothing are left out."""
    out: list[tuple[str, str]] = []
    for key, value in options.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, bool):
                if one:
                    out.append((key, "true"))
            elif one not in (None, ""):
                out.append((key, str(one)))
    return out


def _events(answer: StreamAnswer, deadline: float | None) -> Iterator[Event]:
    """The events of a watch. Raises ApiError for an ERROR event."""
    columns: Any = None
    try:
        for line in answer.lines(deadline):
            if not line.strip():
                continue
            try:
                data = loads(line)
            except json.JSONDecodeError:
                return  # cut off in the middle
            event, obj = data["type"], data["object"]
            if event == "ERROR":
                raise ApiError.from_status(obj)
            if obj.get("kind") == "Table":
                columns = obj.get("columnDefinitions") or columns
                obj["columnDefinitions"] = columns
            yield Event(event, obj)
    finally:
        answer.close()
