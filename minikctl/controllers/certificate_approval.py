"""csrapproving: approves by itself what a kubelet asks for, when its requester may have that.

Source: Kubernetes `pkg/controller/certificates/approver`.
"""

from __future__ import annotations

import base64
import logging

from minikctl.api.meta import Obj, condition_is, name, timestamp
from minikctl.controllers.base import Controller

log = logging.getLogger("controllers")
GROUP = "certificates.k8s.io"


class CertificateApproval(Controller):
    name = "csrapproving"

    def setup(self) -> None:
        self.requests = self.watch("certificatesigningrequests")

    def sync(self, object_key: str) -> float | None:
        request = self.requests.by_key(object_key)
        if request is None or (request.get("status") or {}).get("certificate"):
            return None
        if condition_is(request, "Approved") or condition_is(request, "Denied"):
            return None
        tried = permissions(request)
        for permission, message in tried:
            if self._may(request["spec"], permission):
                self._approve(request, message)
                return None
        if tried:
            log.info("%s is a kubelet's request, and its requester may not have it", name(request))
        return None

    def _may(self, spec: Obj, permission: str) -> bool:
        resource = {
            "verb": "create",
            "group": GROUP,
            "resource": "certificatesigningrequests",
            "subresource": permission,
        }
        asked = {"user": spec.get("username"), "uid": spec.get("uid"), "groups": spec.get("groups")}
        asked |= {"extra": spec.get("extra"), "resourceAttributes": resource}
        review = {"spec": {k: v for k, v in asked.items() if v}}
        answer = self.client.create("subjectaccessreviews.authorization.k8s.io", review)
        return bool(answer["status"]["allowed"])

    def _approve(self, request: Obj, message: str) -> None:
        approved = {
            "type": "Approved",
            "status": "True",
            "reason": "AutoApproved",
            "message": message,
            "lastUpdateTime": timestamp(self.clock.now()),
        }
        status = request.get("status") or {}
        changed = {**request, "status": {**status, "conditions": [*(status.get("conditions") or []), approved]}}
        self.client.update("certificatesigningrequests", changed, subresource="approval")


def permissions(request: Obj) -> list[tuple[str, str]]:
    """Which permissions, one of them enough, a request asks for, with what is said when it is approved.

    None for what is no kubelet's request for a client certificate.
    """
    from minikctl.apiserver.auth import certificates

    spec = request["spec"]
    if spec.get("signerName") != certificates.KUBELET_CLIENT:
        return []
    try:
        asked = certificates.parse_request(base64.b64decode(spec["request"]))
    except ValueError:
        return []
    if certificates.problem(certificates.KUBELET_CLIENT, asked, spec.get("usages") or []):
        return []
    own = certificates.common_name(asked) == spec.get("username")
    said = "Auto approving {} after SubjectAccessReview."
    mine = [("selfnodeclient", said.format("self kubelet client certificate"))] if own else []
    return [*mine, ("nodeclient", said.format("kubelet client certificate"))]


CONTROLLER = CertificateApproval
