"""API groups that a Service serves: requests go there as they came, with the name of who asks.

An APIService with `spec.service` names the Service, and the authority that its certificate must be of. What is served
there is in our discovery and OpenAPI documents, too (see `aggregator`). Who asks is told in X-Remote-User, X-Remote-Uid,
X-Remote-Group and X-Remote-Extra-…, and a client certificate of the front-proxy authority vouches for that. Source: concept "Kubernetes API Aggregation Layer"; kube-aggregator `handler_proxy.go`.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from minikctl.api.errors import service_unavailable
from minikctl.api.meta import Obj
from minikctl.apiserver.auth import pki
from minikctl.apiserver.http.messages import Request, Response
from minikctl.apiserver.http.routing import Target
from minikctl.apiserver.http.streaming import backends, proxy
from minikctl.apiserver.request import User
from minikctl.apiserver.server import APIServer

API_SERVICES = "apiservices.apiregistration.k8s.io"
_IN_NAMES = "!#$&'*+^_`|"
"""What may stand in the name of a header beside letters, digits, and what `quote` leaves alone anyway."""
_IDENTITY = ("x-remote-user", "x-remote-uid", "x-remote-group", "x-remote-extra-")


def behind(api: APIServer, group: str, version: str) -> Obj | None:
    """The APIService of a group's version that a Service serves."""
    found = api.read(API_SERVICES, "", f"{version}.{group}")
    return found if found is not None and found["spec"].get("service") else None


async def serve(api: APIServer, service: Obj, request: Request) -> Response:
    """Raises ApiError when there is no answer to pass on."""
    reference = service["spec"]["service"]
    name, namespace = reference["name"], reference["namespace"]
    place = f"https:{name}:{reference.get('port') or 443}"
    backend = backends.find(api, Target("get", "", "v1", "services", namespace, place, "proxy", ""))
    trust = _trust(service["spec"], api.store.root)
    request.headers = {k: v for k, v in request.headers.items() if not k.startswith(_IDENTITY)}
    secured = (trust, f"{name}.{namespace}.svc")
    answer = await proxy.exchange(api, backend, request, request.path, secured, _identity(request.user))
    headers = [(k, v) for k, v in answer.headers if k.lower().decode("latin-1") not in proxy.HOP_BY_HOP]
    return Response(answer.status, stream=answer.body, raw_headers=headers)


def _trust(spec: Obj, state_dir: Path) -> ssl.SSLContext:
    try:
        bundle = spec.get("caBundle")
        context = ssl.create_default_context(cadata=base64.b64decode(bundle).decode("ascii") if bundle else None)
    except (ValueError, ssl.SSLError):
        text = "unable to load root certificates: unable to parse bytes as PEM block"
        raise service_unavailable(f"error trying to reach service: {text}") from None
    if spec.get("insecureSkipTLSVerify"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError):  # a cluster without certificates: the other side may believe us or not
        context.load_cert_chain(*pki.front_proxy_files(state_dir))
    return context


def _identity(user: User) -> Iterable[tuple[str, str]]:
    yield "X-Remote-User", user.name
    if user.uid:
        yield "X-Remote-Uid", user.uid
    for group in user.groups:
        yield "X-Remote-Group", group
    for key, values in user.extra.items():
        for value in values:
            yield f"X-Remote-Extra-{quote(key, safe=_IN_NAMES)}", value
