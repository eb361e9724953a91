"""The client's side of the registry protocol: manifests and blobs, with the tokens that registries ask for.

Errors are in containerd's words, which is what people find when they look for them. Registries on this machine
(localhost, 127.x, ::1) are spoken to by HTTP, all others by HTTPS.

Source: OCI Distribution Specification 1.1; Docker "Token Authentication Specification".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from minikctl.runtime.interface import Credential, ImageFailure, RegistryUnavailable
from minikctl.runtime.oci import model
from minikctl.runtime.oci.model import BadImage
from minikctl.runtime.reference import DEFAULT_REGISTRY
from minikctl.util.jsonio import JSONError, loads

ACCEPT = ", ".join((*model.MANIFESTS, *model.INDEXES))
CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
REDIRECTS = 5
_HUB_HOST = "registry-1.docker.io"
_CHALLENGE = re.compile(r'([A-Za-z_]+)="([^"]*)"')
_LOCAL = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?")


class Refused(ImageFailure):
    """The registry wants to know who asks, or does not let them."""


class NotFound(ImageFailure):
    """The registry has no such manifest or blob."""


class Interrupted(ImageFailure):
    """The connection broke: worth another try."""


class Registry:
    """One repository of a registry. `name` has the registry: `localhost:5000/web`. Used from several threads."""

    def __init__(self, name: str, credential: Credential | None = None):
        import urllib3

        host, _, self._path = name.partition("/")
        scheme = "http" if _LOCAL.fullmatch(host) else "https"
        self._base = f"{scheme}://{_HUB_HOST if host == DEFAULT_REGISTRY else host}/v2/{self._path}"
        self._credential = credential
        self._authorization = ""
        self._http = _pool(urllib3, self._base)
        self._problems = urllib3.exceptions.HTTPError

    # ------------------------------------------------------------------ what there is

    def resolve(self, reference: str) -> str:
        """The digest that a tag or digest stands for now; empty where the registry does not say. Raises ImageFailure."""
        with self._ask("HEAD", f"/manifests/{reference}", {"Accept": ACCEPT}) as answer:
            digest = answer.headers.get("Docker-Content-Digest") or ""
        return digest if model.is_digest(digest) else ""

    def manifest(self, reference: str) -> bytes:
        """A manifest or index. With a digest it is checked. Raises ImageFailure."""
        with self._ask("GET", f"/manifests/{reference}", {"Accept": ACCEPT}) as answer:
            data: bytes = answer.read(model.LARGEST_DOCUMENT + 1)
        if len(data) > model.LARGEST_DOCUMENT:
            raise BadImage(f"the manifest is larger than {model.LARGEST_DOCUMENT} bytes")
        if model.is_digest(reference) and model.sha256(data) != reference:
            raise BadImage(f"the registry's manifest {reference} is {model.sha256(data)}")
        return data

    @contextmanager
    def blob(self, digest: str, offset: int = 0) -> Iterator[tuple[Iterator[bytes], int]]:
        """(content, the offset at which it begins: 0 where the registry gives only the whole). Raises ImageFailure."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        with self._ask("GET", f"/blobs/{digest}", headers) as answer:
            yield self._chunks(answer), offset if answer.status == 206 else 0

    def _chunks(self, answer: Any) -> Iterator[bytes]:
        try:
            yield from answer.stream(1 << 18, decode_content=False)
        except (self._problems, OSError) as e:
            raise Interrupted(f"the connection to the registry broke: {e}") from None

    # ------------------------------------------------------------------ asking

    @contextmanager
    def _ask(self, method: str, path: str, headers: Mapping[str, str]) -> Iterator[Any]:
        answer = self._send(method, path, headers)
        if answer.status == 401:
            challenge = answer.headers.get("WWW-Authenticate") or ""
            answer.close()
            self._authorization = self._answer_to(challenge)
            answer = self._send(method, path, headers)
        try:
            if answer.status not in (200, 206):
                raise self._failure(method, path, answer)
            yield answer
        finally:
            answer.close()
            answer.release_conn()

    def _send(self, method: str, path: str, headers: Mapping[str, str]) -> Any:
        own = {"Authorization": self._authorization} if self._authorization else {}
        return self._request(method, self._base + path, {**headers, **own})

    def _request(self, method: str, url: str, headers: Mapping[str, str], **more: Any) -> Any:
        try:
            return self._http.request(method, url, headers=dict(headers), preload_content=False, **more)
        except self._problems as e:
            why = f'failed to do request: {method.title()} "{url}": {_reason(e, url)}'
            raise RegistryUnavailable(why) from None

    def _failure(self, method: str, path: str, answer: Any) -> ImageFailure:
        """In words that stand behind the reference."""
        if answer.status == 404:
            return NotFound("not found")
        if answer.status in (401, 403):
            server = f"server message: {_message(answer)}" if method != "HEAD" else "authorization failed"
            return Refused(f"pull access denied, repository does not exist or may require authorization: {server}")
        status = f"{answer.status} {answer.reason or ''}".strip()
        kind = Interrupted if answer.status in (429, 500, 502, 503, 504) else ImageFailure
        return kind(f"unexpected status from {method} request to {self._base}{path}: {status}")

    # ------------------------------------------------------------------ who asks

    def _answer_to(self, challenge: str) -> str:
        """The Authorization that a registry wants. Raises Refused."""
        scheme, _, rest = challenge.partition(" ")
        known = self._credential
        if scheme.lower() == "bearer":
            return "Bearer " + self._token(dict(_CHALLENGE.findall(rest)))
        if scheme.lower() == "basic" and known is not None and known.username:
            return _basic(known)
        why = "no basic auth credentials" if scheme.lower() == "basic" else f"unknown challenge {scheme!r}"
        raise Refused(
            f"pull access denied, repository does not exist or may require authorization: authorization failed: {why}"
        )

    def _token(self, challenge: Mapping[str, str]) -> str:
        realm, known = challenge.get("realm") or "", self._credential
        scope = challenge.get("scope") or f"repository:{self._path}:pull"
        fields = {"service": challenge.get("service") or "", "scope": scope}
        if not realm.startswith(("http://", "https://")):
            raise Refused(f"failed to authorize: the registry names no realm: {realm!r}")
        if known is not None and known.token:
            form = {**fields, "grant_type": "refresh_token", "refresh_token": known.token, "client_id": "minikctl"}
            answer = self._request(
                "POST", realm, {"Content-Type": "application/x-www-form-urlencoded"}, body=urlencode(form)
            )
        else:
            headers = {"Authorization": _basic(known)} if known is not None else {}
            mark = "&" if "?" in realm else "?"
            answer = self._request("GET", f"{realm}{mark}{urlencode(fields)}", headers)
        try:
            data = answer.read(model.LARGEST_DOCUMENT)
            if answer.status != 200:
                status = f"{answer.status} {answer.reason or ''}".strip()
                raise Refused(
                    "failed to authorize: failed to fetch "
                    f"{'oauth' if known else 'anonymous'} token: unexpected status from GET request to {realm}: {status}"
                )
        finally:
            answer.release_conn()
        try:
            content = loads(data)
            token = content.get("token") or content.get("access_token")
        except (JSONError, AttributeError):
            token = None
        if not isinstance(token, str) or not token.isprintable():
            raise Refused("failed to authorize: the answer has no token")
        return token


def _pool(urllib3: Any, base: str) -> Any:
    """Connections, through the proxy that the environment names."""
    from urllib.request import getproxies, proxy_bypass

    settings = {
        "timeout": urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        "retries": urllib3.Retry(total=None, connect=0, read=0, redirect=REDIRECTS, other=0, status=0),
        "headers": {"User-Agent": "minikctl"},
        "maxsize": 8,
    }
    scheme, _, rest = base.partition("://")
    proxy = getproxies().get(scheme)
    host = rest.partition("/")[0].rpartition(":")[0] or rest.partition("/")[0]
    if proxy and not _LOCAL.fullmatch(host) and not proxy_bypass(host):
        return urllib3.ProxyManager(proxy, **settings)
    return urllib3.PoolManager(**settings)


def _basic(known: Credential) -> str:
    return "Basic " + base64.b64encode(f"{known.username}:{known.password}".encode()).decode()


def _message(answer: Any) -> str:
    """What the registry itself says."""
    try:
        first = loads(answer.read(model.LARGEST_DOCUMENT))["errors"][0]
        return f"{str(first.get('code') or '').lower()}: {first.get('message') or ''}"
    except (JSONError, KeyError, IndexError, TypeError, AttributeError):
        return "authorization failed"


def _reason(error: Exception, url: str) -> str:
    """The innermost reason, in Go's words where it has some."""
    from urllib.parse import urlsplit

    place = urlsplit(url)
    where = f" {_address(place.hostname or '')}:{place.port or (443 if place.scheme == 'https' else 80)}"
    if "ProxyError" in repr(error):  # it is the proxy that does not answer
        where = ""
    inner: Any = error
    while (deeper := getattr(inner, "reason", None)) is not None and isinstance(deeper, Exception):
        inner = deeper
    text = str(inner)
    if "Connection refused" in text:
        return f"dial tcp{where}: connect: connection refused"
    if "Name or service not known" in text or "name resolution" in text or "getaddrinfo" in text:
        return f"dial tcp: lookup {place.hostname}: no such host"
    if "timed out" in text:
        return f"dial tcp{where}: i/o timeout"
    return text.rpartition(">: ")[2]


def _address(host: str) -> str:
    """As errors show it: a number where it is known."""
    import socket

    try:
        found = str(socket.getaddrinfo(host, None, socket.AF_INET)[0][4][0])
    except OSError:
        return host
    return found
