"""CertificateRequester: who asks for a certificate stands in the request as the API server knows it.

In Kubernetes a part of the kind's own strategy, which there sees the user. Source: `pkg/registry/certificates`.
"""

from __future__ import annotations

from minikctl.apiserver.admission import Cluster, Plugin
from minikctl.apiserver.request import Attributes


def mutate(a: Attributes, _api: Cluster) -> None:
    if a.obj is None:
        return
    user = a.context.user
    spec = a.obj["spec"]
    spec["username"] = user.name
    for field, value in (("uid", user.uid), ("groups", list(user.groups))):
        if value:
            spec[field] = value
    if user.extra:
        spec["extra"] = {k: list(v) for k, v in user.extra.items()}


PLUGIN = Plugin(
    "CertificateRequester",
    order=5,
    mutate=mutate,
    operations=("CREATE",),
    handles=frozenset({"certificatesigningrequests.certificates.k8s.io"}),
)
