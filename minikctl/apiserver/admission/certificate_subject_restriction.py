"""CertificateSubjectRestriction: no certificate makes its owner a member of system:masters.

Source: Kubernetes `plugin/pkg/admission/certificates/subjectrestriction`.
"""

from __future__ import annotations

import base64

from minikctl.apiserver.admission import Cluster, Plugin, forbidden
from minikctl.apiserver.admission._signers import REQUESTS
from minikctl.apiserver.request import Attributes

SIGNER = "kubernetes.io/kube-apiserver-client"


def validate(a: Attributes, _api: Cluster) -> None:
    """Raises ApiError Forbidden; also for a request that cannot be read."""
    spec = (a.obj or {}).get("spec") or {}
    if spec.get("signerName") != SIGNER:
        return
    from minikctl.apiserver.auth import certificates

    try:
        request = certificates.parse_request(base64.b64decode(spec.get("request") or ""))
    except ValueError as e:
        raise forbidden(a, f"failed to parse CSR: {e}") from None
    if "system:masters" in certificates.organizations(request):
        raise forbidden(a, f"use of {SIGNER} signer with system:masters group is not allowed")


PLUGIN = Plugin("CertificateSubjectRestriction", order=154, validate=validate, operations=("CREATE",), handles=REQUESTS)
