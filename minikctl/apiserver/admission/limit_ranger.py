"""LimitRanger: the LimitRanges of a namespace give defaults to its new pods, and bounds to them and to claims.

Pods are looked at when they are made and when they are resized: nothing else can change what they ask for.
"""

from __future__ import annotations

from minikctl.api.policy import limit_range
from minikctl.apiserver.admission import Cluster, Plugin, forbidden
from minikctl.apiserver.request import Attributes


def _concerns(a: Attributes) -> bool:
    if a.kind.plural == "pods":
        return a.operation == "CREATE" if not a.subresource else a.subresource == "resize"
    return not a.subresource


def mutate(a: Attributes, api: Cluster) -> None:
    if a.obj is None or a.kind.plural != "pods" or not _concerns(a):
        return
    for item in api.read_all("limitranges", a.namespace):
        limit_range.apply_defaults(a.obj, item)


def validate(a: Attributes, api: Cluster) -> None:
    if a.obj is None or not _concerns(a):
        return
    for item in api.read_all("limitranges", a.namespace):
        texts = limit_range.violations(a.kind.plural, a.obj, item)
        if texts:
            raise forbidden(a, limit_range.joined(texts))


PLUGIN = Plugin(
    "LimitRanger",
    order=20,
    mutate=mutate,
    validate=validate,
    handles=frozenset({"pods", "persistentvolumeclaims"}),
    subresources=frozenset({"", "resize"}),
)
