"""Asking a webhook: one HTTPS POST, in the time that its configuration allows. Errors read as Kubernetes' do.

A Service is reached at one of its ready endpoints, under the name that its certificate must bear. What answers must
present a certificate of `caBundle`, or, without one, of an authority that this machine trusts.
Source: apiserver `pkg/util/webhook/client.go`.
"""

from __future__ import annotations

import base64
import secrets
import socket
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, labels_of
from minikctl.apiserver.admission import Cluster
from minikctl.apiserver.admission._webhooks import CallFailed as CallFailed
from minikctl.util.jsonio import JSONError, compact, loads

LONGEST_ANSWER = 16 << 20
_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "User-Agent": "kube-apiserver-admission",
}
_WORDS = {
    400: "the server rejected our request for an unknown reason",
    401: "the server has asked for the client to provide credentials",
    404: "the server could not find the requested resource",
    405: "the server does not allow this method on the requested resource",
    413: "the request entity is too large",
    429: "the server has received too many requests and has asked us to try again later",
    503: "the server is currently unable to handle the request",
    504: "the server was unable to return a response in the time allotted, but may still be processing the request",
}


@dataclass(frozen=True, slots=True)
class Server:
    """Where a webhook listens. `pod` (namespace, name): its node's kubelet leads there, wherever that network is."""

    host: str
    port: int
    pod: tuple[str, str] | None = None


def ask(config: Obj, review: Obj, timeout: int, api: Cluster) -> Any:
    """POST a review; the answer as data. `config` is a WebhookClientConfig. Raises CallFailed."""
    url, server = _target(config, api)
    shown = f"{url}?timeout={timeout}s"
    try:
        context = _tls(config.get("caBundle") or "")
        status, data = _post(shown, lambda: _open(server, timeout, api), context, compact(review), timeout)
    except CallFailed as e:
        raise CallFailed(f'failed to call webhook: Post "{shown}": {e}') from None
    if not 200 <= status < 300:
        raise CallFailed(f"failed to call webhook: {_refusal(status, data)}")
    try:
        return loads(data)
    except JSONError as e:
        raise CallFailed(f"failed to call webhook: couldn't get version/kind; json parse error: {e}") from None


def _refusal(status: int, data: bytes) -> str:
    text = data.decode("utf-8", "replace").strip()
    if status >= 500 and status not in _WORDS:
        return f'an error on the server ("{text or "unknown"}") has prevented the request from succeeding'
    return _WORDS.get(status, f"the server responded with the status code {status} but did not return more information")


# ---------------------------------------------------------------------- where to


def _target(config: Obj, api: Cluster) -> tuple[str, Server]:
    """The URL, and who serves it. Raises CallFailed."""
    if config.get("url"):
        parts = urlsplit(config["url"])
        return config["url"], Server(parts.hostname or "", parts.port or 443)
    service = config.get("service") or {}
    name, namespace, port = service.get("name", ""), service.get("namespace", ""), service.get("port") or 443
    url = f"https://{name}.{namespace}.svc:{port}{service.get('path') or '/'}"
    try:
        return url, _endpoint(name, namespace, port, api)
    except CallFailed as e:
        raise CallFailed(f'failed to call webhook: Post "{url}": {e}') from None


def _endpoint(name: str, namespace: str, port: int, api: Cluster) -> Server:
    service = api.read("services", namespace, name)
    if service is None:
        raise CallFailed(f'service "{name}" not found')
    spec = service.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return Server(spec.get("externalName") or "", port)
    served = next((p for p in spec.get("ports") or [] if p.get("port") == port), None)
    if served is None:
        raise CallFailed(f'no service port {port} found for service "{name}"')
    found: list[Server] = []
    for piece in api.read_all("endpointslices.discovery.k8s.io", namespace):
        if labels_of(piece).get("kubernetes.io/service-name") != name:
            continue
        ports = [p["port"] for p in piece.get("ports") or [] if (p.get("name") or "") == (served.get("name") or "")]
        ready = [e for e in piece.get("endpoints") or [] if (e.get("conditions") or {}).get("ready") is not False]
        found += [Server(e["addresses"][0], p, _pod_of(e, namespace)) for e in ready for p in ports if p]
    if not found:
        raise CallFailed(f'no endpoints available for service "{name}"')
    return secrets.choice(found)


# ---------------------------------------------------------------------- the wire


@lru_cache(maxsize=64)
def _tls(ca_bundle: str) -> Any:
    import ssl

    if not ca_bundle:
        return ssl.create_default_context()
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=base64.b64decode(ca_bundle).decode("ascii"))
    except (ValueError, ssl.SSLError):
        raise CallFailed("unable to load root certificates: unable to parse bytes as PEM block") from None
    return context


def _pod_of(endpoint: Obj, namespace: str) -> tuple[str, str] | None:
    reference = endpoint.get("targetRef") or {}
    return (namespace, reference["name"]) if reference.get("kind") == "Pod" else None


def _open(server: Server, timeout: int, api: Cluster) -> socket.socket:
    """A connection. Raises CallFailed."""
    try:
        if server.pod is None:
            return socket.create_connection((server.host, server.port), timeout=timeout)
        return _through_kubelet(server, timeout, api)
    except OSError as e:
        raise CallFailed(_dial_words(e, server)) from None
    except ApiError as e:
        raise CallFailed(f"dial tcp {server.host}:{server.port}: {e.message.rpartition(': ')[2]}") from None


def _through_kubelet(server: Server, timeout: int, api: Cluster) -> socket.socket:
    """A connection to a pod's port: two threads carry what goes to and fro. Raises ApiError, OSError."""
    from minikctl.apiserver import kubelet_client
    from minikctl.util.frames import STDIN, STDOUT, FrameError

    assert server.pod is not None
    options = {"port": server.port, "address_only": True}
    frames = kubelet_client.connect(api, *server.pod, "portforward", options)  # type: ignore[arg-type]
    ours, theirs = socket.socketpair()

    def there() -> None:
        with suppress(OSError):
            while data := ours.recv(65536):
                frames.send(STDIN, data)
            frames.close_channel(STDIN)

    def back() -> None:
        with suppress(OSError, FrameError):
            while (frame := frames.recv()) is not None:
                if frame[0] == STDOUT:
                    ours.sendall(frame[1])
        frames.close()
        ours.close()

    for carry in (there, back):
        threading.Thread(target=carry, name="webhook", daemon=True).start()
    theirs.settimeout(timeout)
    return theirs


def _post(url: str, connect: Callable[[], socket.socket], context: Any, body: bytes, timeout: int) -> tuple[int, bytes]:
    """(status, body). Raises CallFailed."""
    import http.client
    import ssl

    parts = urlsplit(url)
    sock = connect()
    late = threading.Event()
    guard = sock.dup()  # ends the connection whatever TLS has made of the socket by then

    def expire() -> None:
        late.set()
        with suppress(OSError):
            guard.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(timeout, expire)
    timer.daemon = True
    timer.start()
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 443)
    try:
        connection.sock = sock = context.wrap_socket(sock, server_hostname=parts.hostname)
        connection.request("POST", f"{parts.path or '/'}?{parts.query}", body, _HEADERS)
        answer = connection.getresponse()
        return answer.status, answer.read(LONGEST_ANSWER)
    except (OSError, http.client.HTTPException) as e:
        if late.is_set() or isinstance(e, TimeoutError):
            raise CallFailed("context deadline exceeded") from None
        if isinstance(e, ssl.SSLCertVerificationError):
            raise CallFailed(f"tls: failed to verify certificate: x509: {_certificate_words(e)}") from None
        raise CallFailed(_wire_words(e)) from None
    finally:
        timer.cancel()
        for opened in (connection, sock, guard):
            opened.close()


def _dial_words(error: OSError, server: Server) -> str:
    host, port = server.host, server.port
    if isinstance(error, TimeoutError):
        return "context deadline exceeded"
    if isinstance(error, socket.gaierror):
        return f"dial tcp: lookup {host}: no such host"
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return f"dial tcp {shown}: connect: {(error.strerror or str(error)).lower()}"


_UNKNOWN_AUTHORITY = frozenset({2, 7, 18, 19, 20, 21})
_EXPIRED = frozenset({9, 10})
"""OpenSSL's X509_V_ERR_… codes."""


def _certificate_words(error: Any) -> str:
    if error.verify_code in _UNKNOWN_AUTHORITY:
        return "certificate signed by unknown authority"
    if error.verify_code in _EXPIRED:
        return "certificate has expired or is not yet valid"
    return str(error.verify_message)


def _wire_words(error: Exception) -> str:
    import http.client

    if isinstance(error, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError):
        return "EOF"
    if isinstance(error, http.client.HTTPException):
        return f"net/http: HTTP/1.x transport connection broken: {error}"
    return str(error)


# ---------------------------------------------------------------------- answers


def new_uid() -> str:
    """What tells an answer apart from answers to other questions."""
    return str(uuid.uuid4())


def answer_of(uid: str, answer: Any, *, mutating: bool) -> Obj:
    """The `response` of an AdmissionReview that was asked with `uid`. Raises CallFailed."""
    prefix = "received invalid webhook response: "
    if not isinstance(answer, dict) or not isinstance(answer.get("response") or {}, dict):
        raise CallFailed("failed to call webhook: couldn't get version/kind; json parse error: not an AdmissionReview")
    response: Obj | None = answer.get("response")
    if response is None:
        raise CallFailed(f"{prefix}webhook response was absent")
    version = answer.get("apiVersion")
    if version == "admission.k8s.io/v1beta1":
        return response
    if response.get("uid") != uid:
        raise CallFailed(f'{prefix}expected response.uid="{uid}", got "{response.get("uid") or ""}"')
    if (version, answer.get("kind")) != ("admission.k8s.io/v1", "AdmissionReview"):
        got = f"{version or '/'}, Kind={answer.get('kind') or ''}"
        raise CallFailed(f"{prefix}expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got {got}")
    patch, patch_type = response.get("patch"), response.get("patchType")
    if not mutating and patch:
        raise CallFailed(f"{prefix}validating webhook may not return response.patch")
    if not mutating and patch_type is not None:
        raise CallFailed(f"{prefix}validating webhook may not return response.patchType")
    if patch and patch_type is None:
        raise CallFailed(f"{prefix}webhook returned response.patch but not response.patchType")
    if not patch and patch_type is not None:
        raise CallFailed(f"{prefix}webhook returned response.patchType but not response.patch")
    return response


def rejection(webhook: str, result: Obj | None) -> ApiError:
    """The refusal that a webhook gave, in its own words and with its own code."""
    given = result or {}
    denied = f'admission webhook "{webhook}" denied the request'
    said = given.get("message") or given.get("reason")
    message = f"{denied}: {said}" if said else f"{denied} without explanation"
    return ApiError(max(int(given.get("code") or 0), 400), given.get("reason") or "", message, given.get("details"))
