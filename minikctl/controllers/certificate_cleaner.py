"""csrcleaner: removes requests for certificates that nobody needs any more.

Source: Kubernetes `pkg/controller/certificates/cleaner`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, condition_is, name, uid
from minikctl.client import DeleteOptions
from minikctl.controllers.base import Controller

DECIDED, PENDING = timedelta(hours=1), timedelta(hours=24)
"""How long a request stays after it was denied, has failed or its certificate was issued; and while nobody decides."""


class CertificateCleaner(Controller):
    name = "csrcleaner"

    def setup(self) -> None:
        self.requests = self.watch("certificatesigningrequests")

    def sync(self, object_key: str) -> float | None:
        request = self.requests.by_key(object_key)
        if request is None:
            return None
        left = (ends(request) - self.clock.now()).total_seconds()
        if left > 0:
            return left
        try:
            self.client.delete("certificatesigningrequests", name(request), options=DeleteOptions(uid=uid(request)))
        except ApiError as e:
            if e.reason != "NotFound":
                raise
        return None


def ends(request: Obj) -> datetime:
    """When a request has stayed long enough."""
    status = request.get("status") or {}
    changed = [c.get("lastUpdateTime") or "" for c in status.get("conditions") or []]
    final = status.get("certificate") or condition_is(request, "Denied") or condition_is(request, "Failed")
    if final and any(changed):
        return _moment(max(changed)) + DECIDED
    return _moment(request["metadata"]["creationTimestamp"]) + PENDING


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


CONTROLLER = CertificateCleaner
