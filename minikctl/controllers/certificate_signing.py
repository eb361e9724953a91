"""csrsigning: signs approved requests of the built-in signers with the cluster's CA.

Source: Kubernetes `pkg/controller/certificates/signer`, `pkg/controller/certificates/authority`.
"""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path

from minikctl.api.meta import Obj, condition_is
from minikctl.controllers.base import Controller

LONGEST = timedelta(days=365)
"""How long a certificate is good, when the request asks for nothing shorter."""


class CertificateSigning(Controller):
    name = "certificate-controller"

    def setup(self) -> None:
        self.requests = self.watch("certificatesigningrequests")

    def sync(self, object_key: str) -> float | None:
        from minikctl.apiserver.auth import certificates

        request = self.requests.by_key(object_key)
        if (
            request is None
            or not self._is_due(request)
            or request["spec"].get("signerName") not in certificates.SIGNERS
        ):
            return None
        status = request.get("status") or {}
        spec = request["spec"]
        asked = certificates.parse_request(base64.b64decode(spec["request"]))
        why = certificates.problem(spec["signerName"], asked, spec.get("usages") or [])
        if why:
            failed = {"type": "Failed", "status": "True", "reason": "SignerValidationFailure", "message": why}
            new = {**status, "conditions": [*(status.get("conditions") or []), failed]}
        else:
            new = {**status, "certificate": base64.b64encode(self._signed(asked, spec)).decode()}
        self.client.update("certificatesigningrequests", {**request, "status": new}, subresource="status")
        return None

    def _is_due(self, request: Obj) -> bool:
        """Approved, and neither issued nor given up. Without a state directory there is no authority to sign with."""
        if (request.get("status") or {}).get("certificate") or not self.context.settings.get("state_dir"):
            return False
        denied = condition_is(request, "Denied") or condition_is(request, "Failed")
        return condition_is(request, "Approved") and not denied

    def _signed(self, asked: object, spec: Obj) -> bytes:
        from cryptography import x509

        from minikctl.apiserver.auth import certificates, pki

        assert isinstance(asked, x509.CertificateSigningRequest)
        wanted = timedelta(seconds=spec["expirationSeconds"]) if spec.get("expirationSeconds") else LONGEST
        now = self.clock.now()
        names = certificates.alternative_names(asked)
        return pki.authority(Path(str(self.context.settings["state_dir"]))).sign(
            asked.subject,
            asked.public_key(),
            usages=spec.get("usages") or [],
            extensions=[names] if names is not None else [],
            not_before=now - pki.BACKDATED,
            not_after=now + min(wanted, LONGEST) - pki.BACKDATED,
        )


CONTROLLER = CertificateSigning
