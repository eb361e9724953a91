"""TaintNodesByCondition: a node is born with the taint not-ready, which the node controller takes away once it is Ready.

Without it the scheduler could put a pod on a node before the first look at the node's conditions.
Source: Kubernetes `plugin/pkg/admission/nodetaint`; concept "Taints and Tolerations".
"""

from __future__ import annotations

from minikctl.apiserver.admission import Cluster, Plugin
from minikctl.apiserver.request import Attributes

NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


def mutate(a: Attributes, _api: Cluster) -> None:
    if a.obj is None:
        return
    spec = a.obj.get("spec") or {}
    taints = spec.get("taints") or []
    if not any(all(t.get(k) == v for k, v in NOT_READY.items()) for t in taints):
        a.obj["spec"] = {**spec, "taints": [*taints, dict(NOT_READY)]}


PLUGIN = Plugin("TaintNodesByCondition", order=54, mutate=mutate, operations=("CREATE",), handles=frozenset({"nodes"}))
