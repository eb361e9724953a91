"""Who is asking: client certificates, bearer tokens, nobody in particular; and whom a request acts as.

Source: Kubernetes concept "Authenticating", apiserver `authentication/request/*` and `endpoints/filters/impersonation`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from minikctl.api.errors import ApiError, bad_request
from minikctl.apiserver.auth import tokens
from minikctl.apiserver.auth.rbac import SERVICE_ACCOUNT, Action
from minikctl.apiserver.request import User
from minikctl.apiserver.server import APIServer

AUTHENTICATED, UNAUTHENTICATED = "system:authenticated", "system:unauthenticated"
ANONYMOUS = User("system:anonymous", (UNAUTHENTICATED,))
CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"
WEBSOCKET_TOKEN = "base64url.bearer.authorization.k8s.io."
"""How a browser's WebSocket, which cannot set headers, brings its token: as the name of a subprotocol."""
EXTRA = "impersonate-extra-"


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def authenticate(api: APIServer, certificate: Mapping[str, Any] | None, headers: Mapping[str, str]) -> User:
    """The user that a request proves to be. A wrong token is refused, no proof at all is anonymous. Raises ApiError."""
    user = of_certificate(certificate) if certificate else None
    if user is not None:
        return user
    token = bearer_token(headers)
    if not token:
        return ANONYMOUS
    try:
        return tokens.user_of(api, token)
    except tokens.InvalidToken:
        raise unauthorized() from None


def of_certificate(certificate: Mapping[str, Any]) -> User | None:
    """Common name and organizations of a certificate that the TLS layer has verified.

    In the shape of `ssl.SSLSocket.getpeercert`, with the hash of the whole as `sha256`.
    """
    pairs = [pair for part in certificate.get("subject") or () for pair in part]
    name = next((v for k, v in pairs if k == "commonName"), "")
    if not name:
        return None
    groups = [v for k, v in pairs if k == "organizationName"]
    extra = {CREDENTIAL_ID: [f"X509SHA256={certificate['sha256']}"]} if certificate.get("sha256") else {}
    return User(name, (*groups, AUTHENTICATED), "", extra)


def bearer_token(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    for protocol in headers.get("sec-websocket-protocol", "").split(","):
        encoded = protocol.strip().removeprefix(WEBSOCKET_TOKEN)
        if encoded != protocol.strip():
            try:
                return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
            except (binascii.Error, ValueError):
                raise unauthorized() from None
    return ""


# ---------------------------------------------------------------------- impersonation


@dataclass
class Impersonation:
    """Whom a request wants to act as: the Impersonate-* headers, or kubectl's --as flags."""

    user: str = ""
    groups: list[str] = field(default_factory=list)
    uid: str = ""
    extra: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, headers: Iterable[tuple[str, str]]) -> Impersonation | None:
        """From headers with lower-case names; None when there are none of these."""
        wanted, found = cls(), False
        for name, value in headers:
            if name == "impersonate-user":
                wanted.user = wanted.user or value
            elif name == "impersonate-group":
                wanted.groups.append(value)
            elif name == "impersonate-uid":
                wanted.uid = wanted.uid or value
            elif name.startswith(EXTRA):
                wanted.extra.setdefault(unquote(name.removeprefix(EXTRA)), []).append(value)
            else:
                continue
            found = True
        return wanted if found else None

    def _service_account(self) -> tuple[str, str]:
        """(namespace, name) of the service account that the user is, if it is one."""
        if not self.user.startswith(SERVICE_ACCOUNT):
            return "", ""
        where, _, called = self.user.removeprefix(SERVICE_ACCOUNT).partition(":")
        return (where, called) if where and called and ":" not in called else ("", "")

    def acted_as(self, require: Callable[[Action], None]) -> User:
        """The user that results; `require` is asked for each thing that is taken on. Raises ApiError."""
        if not self.user:
            raise bad_request(f"requested {self._shown()} without impersonating a user")
        where, account = self._service_account()
        groups = list(self.groups)
        if account:
            require(Action("impersonate", "", "serviceaccounts", "", where, account))
            groups = groups or ["system:serviceaccounts", f"system:serviceaccounts:{where}"]
        else:
            require(Action("impersonate", "", "users", name=self.user))
        for group in self.groups:
            require(Action("impersonate", "", "groups", name=group))
        for key, values in self.extra.items():
            for value in values:
                require(Action("impersonate", "authentication.k8s.io", "userextras", key, name=value))
        if self.uid:
            require(Action("impersonate", "authentication.k8s.io", "uids", name=self.uid))
        implied = UNAUTHENTICATED if self.user == ANONYMOUS.name else AUTHENTICATED
        if not {implied, UNAUTHENTICATED} & set(groups):
            groups.append(implied)
        return User(self.user, tuple(groups), self.uid, self.extra)

    def _shown(self) -> str:
        words = [
            *self.groups,
            *(v for values in self.extra.values() for v in values),
            *([self.uid] if self.uid else []),
        ]
        return "[" + " ".join(words) + "]"
