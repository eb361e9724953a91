"""API groups that a Service serves: requests go there as they came, with the name of who asks.

An APIService with `spec.service` names the Service, and the authority that its certificate must be of. What is served
there is in our discovery and OpenAPI documents, too (see `aggregator`). Who asks is told in X-Remote-User,
X-Remote-Group and X-Remote-Extra-…, without a client certificate. Source: concept "Kubernetes API Aggregation Layer"; kube-aggregator `handler_proxy.go`.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterable

from minikctl.api.errors import service_unavailable
from minikctl.api.meta import Obj
from minikctl.apiserver.http.messages import Request, Response
from minikctl.apiserver.http.routing import Target
from minikctl.apiserver.http.streaming import backends, proxy
from minikctl.apiserver.request import User
from minikctl.apiserver.server import APIServer

API_SERVICES = "apiservices.apiregistration.k8s.io"
_IDENTITY = ("x-remote-user", "x-remote-group", "x-remote-extra-")


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
    trust = _trust(service["spec"])
    request.headers = {k: v for k, v in request.headers.items() if not k.startswith(_IDENTITY)}
    secured = (trust, f"{name}.{namespace}.svc")
    answer = await proxy.exchange(api, backend, request, request.path, secured, _identity(request.user))
    headers = [(k, v) for k, v in answer.headers if k.lower().decode("latin-1") not in proxy.HOP_BY_HOP]
    return Response(answer.status, stream=answer.body, raw_headers=headers)


def _trust(spec: Obj) -> ssl.SSLContext:
    if spec.get("insecureSkipTLSVerify"):
        return backends.unverified()
    if not spec.get("caBundle"):
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cadata=base64.b64decode(spec["caBundle"]).decode("ascii"))
    except (ValueError, ssl.SSLError):
        text = "unable to load root certificates: unable to parse bytes as PEM block"
        raise service_unavailable(f"error trying to reach service: {text}") from None


def _identity(user: User) -> Iterable[tuple[str, str]]:
    yield "X-Remote-User", user.name
    for group in user.groups:
        yield "X-Remote-Group", group
