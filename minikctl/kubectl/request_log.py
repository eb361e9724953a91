"""`-v=6` and more: every request on stderr, as kubectl logs it.

The local cluster is reached without HTTP; what is logged is the request that it stands for. From 8 on bodies are shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind

if TYPE_CHECKING:
    from minikctl.kubectl.command import Invocation

BODIES = 8
_SHOWN = 1024
"""Longer bodies are cut below -v=9."""
VERBS = {
    **dict.fromkeys(("get", "list", "table", "watch", "raw", "version", "logs"), "GET"),
    "create": "POST",
    "connect": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
}
NAMED = ("get", "patch", "delete", "connect")
"""Methods whose second argument is a name; the others' is a namespace."""


def logged(client: Any, call: Invocation) -> Any:
    """The client, telling of each request."""
    return _Logged(client, call)


class _Logged:
    def __init__(self, client: Any, call: Invocation):
        self._client, self._call = client, call

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name == "for_actor":
            return lambda actor: _Logged(found(actor), self._call)
        return self._told(name, found) if name in VERBS else found

    def _told(self, method: str, send: Callable[..., Any]) -> Callable[..., Any]:
        def request(*args: Any, **options: Any) -> Any:
            started, status, answer = time.monotonic(), "200 OK", None
            try:
                answer = send(*args, **options)
                return answer
            except ApiError as e:
                status = f"{e.code} {_PHRASES.get(e.code, e.reason)}"
                raise
            finally:
                took = round((time.monotonic() - started) * 1000)
                self._line(
                    VERBS[method],
                    self._url(method, args, options),
                    "201 Created" if method == "create" and status == "200 OK" else status,
                    took,
                )
                self._body(answer)

        return request

    def _line(self, verb: str, url: str, status: str, milliseconds: int) -> None:
        text = f'"Response" verb="{verb}" url="{url}" status="{status}" milliseconds={milliseconds}'
        self._call.klog("I", "round_trippers.go:632", text)

    def _body(self, answer: Any) -> None:
        level = self._call.flags.get("v") or 0
        if level < BODIES or not isinstance(answer, dict):
            return
        from minikctl.kubectl.printers.json_out import compact

        text = compact(answer)
        if level == BODIES and len(text) > _SHOWN:
            text = f"{text[:_SHOWN]} [truncated {len(text) - _SHOWN} chars]"
        self._call.klog("I", "helper.go:246", f'"Response Body" body={_quoted(text)}')

    def _url(self, method: str, args: tuple[Any, ...], options: dict[str, Any]) -> str:
        from minikctl.kubectl.server_address import server_address

        server = server_address(self._call)
        if method in ("raw", "version"):
            return server + (str(args[0]) if method == "raw" else "/version")
        kind, name, namespace = self._about(method, args, options)
        path = _path(kind, namespace, name, str(options.get("subresource") or ""))
        query = _query(method, options)
        return server + path + (f"?{query}" if query else "")

    def _about(self, method: str, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Kind | None, str, str]:
        """(kind, name, namespace) of a request."""
        if method == "logs":
            return self._client.kind("pods"), str(args[0]), str(args[1])
        kind = args[0] if isinstance(args[0], Kind) else self._client.kind(args[0])
        rest = list(args[1:])
        if method == "update":
            metadata = rest[0].get("metadata") or {}
            return kind, str(metadata.get("name") or ""), str(metadata.get("namespace") or "")
        if method in ("create", "patch"):
            body = 0 if method == "create" else 1
            del rest[body : body + 1]
        if method in NAMED:
            return kind, str(rest[0]), str(rest[1] if len(rest) > 1 else options.get("namespace") or "")
        name = "" if method == "create" else str(options.get("name") or "")
        return kind, name, str(rest[0] if rest else options.get("namespace") or "")


_PHRASES = {
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    410: "Gone",
    422: "Unprocessable Entity",
}


def _path(kind: Kind | None, namespace: str, name: str, subresource: str) -> str:
    if kind is None:
        return "/"
    parts = ["apis", kind.api_version] if kind.group else ["api", kind.version]
    parts += ["namespaces", namespace] if namespace and kind.namespaced else []
    return "/" + "/".join([*parts, kind.plural, *(p for p in (name, subresource) if p)])


def _query(method: str, options: dict[str, Any]) -> str:
    pairs = [("fieldSelector", options.get("field_selector")), ("labelSelector", options.get("label_selector"))]
    if method == "watch":
        pairs += [("resourceVersion", options.get("resource_version")), ("watch", "true")]
    elif method == "table" and not options.get("name"):
        pairs.append(("limit", options.get("limit") or 500))
    return urlencode([(k, v) for k, v in pairs if v])


def _quoted(text: str) -> str:
    from minikctl.util.go_format import quote

    return quote(text)
