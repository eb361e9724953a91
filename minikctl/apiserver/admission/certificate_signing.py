"""CertificateSigning: who puts a certificate into a request may sign for its signer.

Source: Kubernetes `plugin/pkg/admission/certificates/signing`.
"""

from __future__ import annotations

from minikctl.api.errors import go_quote
from minikctl.apiserver.admission import Cluster, Plugin, forbidden
from minikctl.apiserver.admission._signers import REQUESTS, allowed
from minikctl.apiserver.request import Attributes


def validate(a: Attributes, api: Cluster) -> None:
    if a.obj is None or a.old is None or a.obj.get("status") == a.old.get("status"):
        return
    signer = str(a.old["spec"].get("signerName") or "")
    if not allowed(api, a.context.user, "sign", signer):
        raise forbidden(a, f"user not permitted to sign requests with signerName {go_quote(signer)}")


PLUGIN = Plugin(
    "CertificateSigning",
    order=152,
    validate=validate,
    operations=("UPDATE",),
    handles=REQUESTS,
    subresources=frozenset({"status"}),
)
