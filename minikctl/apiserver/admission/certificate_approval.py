"""CertificateApproval: who decides about a request may approve for its signer. Also dates the conditions.

Source: Kubernetes `plugin/pkg/admission/certificates/approval`.
"""

from __future__ import annotations

from minikctl.api.errors import go_quote
from minikctl.api.meta import Obj, timestamp
from minikctl.apiserver.admission import Cluster, Plugin, forbidden
from minikctl.apiserver.admission._signers import REQUESTS, allowed
from minikctl.apiserver.request import Attributes


def mutate(a: Attributes, api: Cluster) -> None:
    """Conditions without times get this one. In Kubernetes a part of the kind's strategy, which there has a clock."""
    status = (a.obj or {}).get("status") or {}
    if a.obj is None or not status.get("conditions"):
        return
    before = {c.get("type"): c for c in ((a.old or {}).get("status") or {}).get("conditions") or []}
    now = timestamp(api.clock.now())
    dated = [_dated(c, before.get(c.get("type")) or {}, now) for c in status["conditions"]]
    a.obj = {**a.obj, "status": {**status, "conditions": dated}}


def _dated(condition: Obj, before: Obj, now: str) -> Obj:
    since = before.get("lastTransitionTime") if before.get("status") == condition.get("status") else None
    return {
        **condition,
        "lastUpdateTime": condition.get("lastUpdateTime") or now,
        "lastTransitionTime": condition.get("lastTransitionTime") or since or now,
    }


def validate(a: Attributes, api: Cluster) -> None:
    if a.subresource != "approval" or a.old is None:
        return
    signer = str(a.old["spec"].get("signerName") or "")
    if not allowed(api, a.context.user, "approve", signer):
        raise forbidden(a, f"user not permitted to approve requests with signerName {go_quote(signer)}")


PLUGIN = Plugin(
    "CertificateApproval",
    order=150,
    mutate=mutate,
    validate=validate,
    operations=("UPDATE",),
    handles=REQUESTS,
    subresources=frozenset({"approval", "status"}),
)
