"""PodTopologyLabels: a pod bears the zone and region of its node, so that it can find out where it runs (KEP-4742)."""

from __future__ import annotations

from minikctl.api.meta import get_path, labels_of
from minikctl.apiserver.admission import Cluster, Plugin
from minikctl.apiserver.request import Attributes

LABELS = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


def mutate(a: Attributes, api: Cluster) -> None:
    """On the binding, which hands its labels on to the pod, or on a pod that comes with its node."""
    if a.obj is None:
        return
    binding = a.subresource == "binding"
    node_name = get_path(a.obj, "target" if binding else "spec", "name" if binding else "nodeName")
    node = api.read("nodes", "", node_name) if node_name else None
    known = labels_of(node) if node else {}
    given = {label: known[label] for label in LABELS if label in known}
    if given:
        meta = a.obj.get("metadata") or {}
        a.obj = {**a.obj, "metadata": {**meta, "labels": {**(meta.get("labels") or {}), **given}}}


PLUGIN = Plugin(
    "PodTopologyLabels",
    order=95,
    mutate=mutate,
    operations=("CREATE",),
    handles=frozenset({"pods"}),
    subresources=frozenset({"", "binding"}),
)
