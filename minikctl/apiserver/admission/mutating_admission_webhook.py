"""MutatingAdmissionWebhook: others change a request. What there is to it is `_mutating_webhooks.py`."""

from __future__ import annotations

from minikctl.apiserver.admission import EVERY_OPERATION, MUTATING_WEBHOOKS, Cluster, Plugin
from minikctl.apiserver.request import Attributes


def mutate(a: Attributes, api: Cluster) -> None:
    if api.read_all(MUTATING_WEBHOOKS):
        from minikctl.apiserver.admission import _mutating_webhooks

        _mutating_webhooks.mutate(a, api)


PLUGIN = Plugin(
    "MutatingAdmissionWebhook",
    order=210,
    mutate=mutate,
    operations=EVERY_OPERATION,
    subresources=frozenset({"*"}),
)
