"""ValidatingAdmissionWebhook: others may refuse a request. What there is to it is `_validating_webhooks.py`."""

from __future__ import annotations

from minikctl.apiserver.admission import EVERY_OPERATION, VALIDATING_WEBHOOKS, Cluster, Plugin
from minikctl.apiserver.request import Attributes


def validate(a: Attributes, api: Cluster) -> None:
    if api.read_all(VALIDATING_WEBHOOKS):
        from minikctl.apiserver.admission import _validating_webhooks

        _validating_webhooks.validate(a, api)


PLUGIN = Plugin(
    "ValidatingAdmissionWebhook",
    order=225,
    validate=validate,
    operations=EVERY_OPERATION,
    subresources=frozenset({"*"}),
)
