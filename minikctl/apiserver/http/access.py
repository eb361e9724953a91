"""Who is asking over HTTP, and may they: authentication, impersonation and RBAC for the application."""

from __future__ import annotations

from minikctl.apiserver.auth.authentication import Impersonation, authenticate
from minikctl.apiserver.auth.authorizer import Authorizer
from minikctl.apiserver.auth.rbac import MASTERS, Action
from minikctl.apiserver.http.messages import Request
from minikctl.apiserver.http.routing import Target
from minikctl.apiserver.request import User
from minikctl.apiserver.server import APIServer

INTO_CONTAINERS = frozenset({"exec", "attach", "portforward"})


class ClusterAccess:
    """The `Access` of a cluster's own API server."""

    def __init__(self, api: APIServer, authorizer: Authorizer):
        self._api = api
        self._authorizer = authorizer

    def authenticate(self, request: Request) -> User:
        """Raises ApiError Unauthorized; Forbidden for those who may not act as whom they name."""
        user = authenticate(self._api, request.peer_certificate, request.headers)
        wanted = Impersonation.of(request.impersonation)
        if wanted is None:
            return user
        return wanted.acted_as(lambda action: self._authorizer.require(user, action))

    def authorize(self, user: User, target: Target) -> None:
        if MASTERS in user.groups:
            return
        name = target.name or target.only
        action = Action(
            target.verb, target.group, target.resource, target.subresource, target.namespace, name, node=target.node
        )
        self._authorizer.require(user, action)
        if target.verb == "get" and target.subresource in INTO_CONTAINERS:
            # a WebSocket begins with GET; who may only read must not get in that way
            create = Action("create", target.group, target.resource, target.subresource, target.namespace, target.name)
            self._authorizer.require(user, create)

    def authorize_path(self, user: User, method: str, path: str) -> None:
        self._authorizer.require(user, Action(method.lower(), path=path))
