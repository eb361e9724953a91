"""RuntimeClass: what a pod's runtime costs and where it can run comes from its RuntimeClass (KEP-688, KEP-585)."""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.api.policy import amounts
from minikctl.apiserver.admission import Cluster, Plugin, forbidden
from minikctl.apiserver.request import Attributes


def mutate(a: Attributes, api: Cluster) -> None:
    runtime = _runtime(a, api)
    if a.obj is None or runtime is None:
        return
    spec = a.obj["spec"]
    overhead = (runtime.get("overhead") or {}).get("podFixed")
    if overhead is not None:
        if spec.get("overhead") and not amounts.equal(spec["overhead"], overhead):
            raise forbidden(a, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
        spec["overhead"] = dict(overhead)
    scheduling = runtime.get("scheduling") or {}
    selector = spec.get("nodeSelector") or {}
    for key, value in (scheduling.get("nodeSelector") or {}).items():
        if selector.get(key, value) != value:
            here, there = f"runtimeClass.scheduling.nodeSelector[{key}]", f"pod.spec.nodeSelector[{key}]"
            raise forbidden(a, f"conflict: {here} = {value}; {there} = {selector[key]}")
    if scheduling.get("nodeSelector"):
        spec["nodeSelector"] = {**selector, **scheduling["nodeSelector"]}
    present = spec.get("tolerations") or []
    added = [t for t in scheduling.get("tolerations") or [] if t not in present]
    if added:
        spec["tolerations"] = [*present, *(dict(t) for t in added)]


def validate(a: Attributes, api: Cluster) -> None:
    if a.obj is None or a.obj["spec"].get("overhead") is None:
        return
    runtime = _runtime(a, api)
    if runtime is None or runtime.get("overhead") is None:
        raise forbidden(a, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")


def _runtime(a: Attributes, api: Cluster) -> Obj | None:
    """The pod's RuntimeClass. Raises ApiError when there is none of its name."""
    wanted = a.obj["spec"].get("runtimeClassName") if a.obj else None
    if not wanted:
        return None
    found = api.read("runtimeclasses.node.k8s.io", "", wanted)
    if found is None:
        raise forbidden(a, f'pod rejected: RuntimeClass "{wanted}" not found')
    return found


PLUGIN = Plugin(
    "RuntimeClass", order=85, mutate=mutate, validate=validate, operations=("CREATE",), handles=frozenset({"pods"})
)
