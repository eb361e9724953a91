"""service-account-controller: every namespace has a ServiceAccount `default`.

Source: Kubernetes `pkg/controller/serviceaccount/serviceaccounts_controller.go`.
"""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, is_deleting, namespace
from minikctl.controllers.base import Controller, cause_of
from minikctl.controllers.common.pod_control import is_namespace_terminating

DEFAULT = "default"


class ServiceAccountController(Controller):
    name = "service-account-controller"

    def setup(self) -> None:
        self.namespaces = self.watch("namespaces")
        self.accounts = self.watch_deletions("serviceaccounts", self._account_gone)

    def _account_gone(self, account: Obj) -> None:
        self.queue.add(namespace(account), cause_of(account))

    def sync(self, object_key: str) -> float | None:
        of = self.namespaces.by_key(object_key)
        if of is None or is_deleting(of) or self.accounts.get(DEFAULT, object_key) is not None:
            return None
        try:
            self.client.create("serviceaccounts", {"metadata": {"name": DEFAULT}}, object_key)
        except ApiError as e:
            if e.reason != "AlreadyExists" and not is_namespace_terminating(e):
                raise
        return None


CONTROLLER = ServiceAccountController
