"""ValidatingAdmissionPolicy: rules for requests, written in CEL. What there is to it is `_validating_policies.py`."""

from __future__ import annotations

from minikctl.apiserver.admission import EVERY_OPERATION, Cluster, Plugin
from minikctl.apiserver.request import Attributes

POLICIES = "validatingadmissionpolicies.admissionregistration.k8s.io"


def validate(a: Attributes, api: Cluster) -> None:
    if api.read_all(POLICIES):
        from minikctl.apiserver.admission import _validating_policies

        _validating_policies.validate(a, api)


PLUGIN = Plugin(
    "ValidatingAdmissionPolicy",
    order=220,
    validate=validate,
    operations=EVERY_OPERATION,
    subresources=frozenset({"*"}),
)
