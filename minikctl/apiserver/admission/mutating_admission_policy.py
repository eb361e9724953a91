"""MutatingAdmissionPolicy: changes to requests, written in CEL. What there is to it is `_mutating_policies.py`."""

from __future__ import annotations

from minikctl.apiserver.admission import EVERY_OPERATION, Cluster, Plugin
from minikctl.apiserver.request import Attributes

POLICIES = "mutatingadmissionpolicies.admissionregistration.k8s.io"


def mutate(a: Attributes, api: Cluster) -> None:
    if api.read_all(POLICIES):
        from minikctl.apiserver.admission import _mutating_policies

        _mutating_policies.mutate(a, api)


PLUGIN = Plugin(
    "MutatingAdmissionPolicy",
    order=200,
    mutate=mutate,
    operations=EVERY_OPERATION,
    subresources=frozenset({"*"}),
)
