"""Who may approve or sign requests of a signer. Source: Kubernetes concept "Certificates and CSRs" (authorization)."""

from __future__ import annotations

from minikctl.apiserver.admission import Cluster
from minikctl.apiserver.request import User

GROUP = "certificates.k8s.io"
REQUESTS = frozenset({f"certificatesigningrequests.{GROUP}"})


def allowed(api: Cluster, user: User, verb: str, signer: str) -> bool:
    """By the signer's own name, or `domain/*`."""
    if "system:masters" in user.groups:
        return True
    from minikctl.apiserver.auth.authorizer import Authorizer
    from minikctl.apiserver.auth.policies import StoredPolicies
    from minikctl.apiserver.auth.rbac import Action

    authorizer = Authorizer(StoredPolicies(api))
    names = (signer, f"{signer.partition('/')[0]}/*")
    return any(authorizer.decide(user, Action(verb, GROUP, "signers", name=n)).allowed for n in names)
