"""LimitRanger: the LimitRanges of a namespace give defaults to its new pods, and bounds to them and to claims.

Pods are looked at when they are made and when they are resized: nothing else can change what they ask for.
"""

from __future__ import annotations

from minikctl.api.meta import Objects
from minikctl.apiserver.admission import Cluster, Plugin, forbidden
from minikctl.apiserver.request import Attributes


def _ranges(a: Attributes, api: Cluster) -> Objects:
    if a.obj is None:
        return []
    concerns = not a.subresource
    if a.kind.plural == "pods":
        concerns = a.operation == "CREATE" if not a.subresource else a.subresource == "resize"
    return api.read_all("limitranges", a.namespace) if concerns else []


def mutate(a: Attributes, api: Cluster) -> None:
    if a.kind.plural != "pods":
        return
    for item in _ranges(a, api):
        from minikctl.api.policy import limit_range

        limit_range.apply_defaults(a.obj or {}, item)


def validate(a: Attributes, api: Cluster) -> None:
    for item in _ranges(a, api):
        from minikctl.api.policy import limit_range

        texts = limit_range.violations(a.kind.plural, a.obj or {}, item)
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
