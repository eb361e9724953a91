"""DefaultIngressClass: an Ingress that names no class gets the default one, the newest if there are several."""

from __future__ import annotations

from minikctl.api.meta import annotations_of, name
from minikctl.apiserver.admission import Cluster, Plugin
from minikctl.apiserver.request import Attributes

IS_DEFAULT = "ingressclass.kubernetes.io/is-default-class"
OLD_CLASS = "kubernetes.io/ingress.class"


def mutate(a: Attributes, api: Cluster) -> None:
    if a.obj is None or OLD_CLASS in annotations_of(a.obj):
        return
    spec = a.obj.get("spec") or {}
    if spec.get("ingressClassName") is not None:
        return
    classes = api.read_all("ingressclasses.networking.k8s.io")  # by name: of several of one second the first counts
    defaults = [c for c in classes if annotations_of(c).get(IS_DEFAULT) == "true"]
    if defaults:
        newest = max(defaults, key=lambda c: str(c["metadata"].get("creationTimestamp") or ""))
        a.obj["spec"] = {**spec, "ingressClassName": name(newest)}


PLUGIN = Plugin(
    "DefaultIngressClass",
    order=91,
    mutate=mutate,
    operations=("CREATE",),
    handles=frozenset({"ingresses.networking.k8s.io"}),
)
