"""How others check this cluster's service account tokens: OpenID Connect discovery and the keys.

Source: Kubernetes concept "Managing Service Accounts" (issuer discovery), KEP-1393.
"""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.apiserver.auth import tokens
from minikctl.apiserver.auth.pki import SERVER_NAMES
from minikctl.apiserver.http.messages import Request, Response, json_response
from minikctl.apiserver.server import APIServer

CONFIGURATION, KEYS = "/.well-known/openid-configuration", "/openid/v1/jwks"


def serve(api: APIServer, request: Request, path: str, address: str) -> Response:
    if path == CONFIGURATION:
        return json_response(request, configuration(_reached(request.headers.get("host", ""), address)))
    response = json_response(request, {"keys": [tokens.public_jwk(api.store.root)]})
    response.media_type = "application/jwk-set+json"
    return response


def _reached(host: str, address: str) -> str:
    """Where who asks reaches this server: pods by the names of the Service, from a network that has no other way."""
    return host if host.removesuffix(":443") in SERVER_NAMES else address


def configuration(address: str) -> Obj:
    return {
        "issuer": tokens.ISSUER,
        "jwks_uri": f"https://{address}{KEYS}",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
