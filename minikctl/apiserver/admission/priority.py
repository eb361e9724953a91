"""Priority: the number behind a pod's priorityClassName. Source: Kubernetes concept "Pod priority and preemption"."""

from __future__ import annotations

from minikctl.api.errors import forbidden
from minikctl.api.meta import Obj, name
from minikctl.apiserver.admission import Cluster, Plugin
from minikctl.apiserver.admission import forbidden as forbidden_
from minikctl.apiserver.request import Attributes


def mutate(a: Attributes, api: Cluster) -> None:
    if a.obj is None or a.kind.plural != "pods":
        return
    spec = a.obj["spec"]
    if a.operation == "UPDATE":
        for field in ("priority", "preemptionPolicy", "priorityClassName"):
            before = (a.old or {}).get("spec", {}).get(field)
            if field not in spec and before is not None:
                spec[field] = before
        return
    wanted = spec.get("priorityClassName")
    chosen = api.read("priorityclasses.scheduling.k8s.io", "", wanted) if wanted else _global_default(api)
    if wanted and chosen is None:
        raise forbidden("pods", "", name(a.obj), f"no PriorityClass with name {wanted} was found")
    value = int(chosen.get("value", 0)) if chosen else 0
    policy = (chosen or {}).get("preemptionPolicy", "PreemptLowerPriority")
    given = spec.get("priority")
    if given is not None and given != value:
        why = f"the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {value} from the given PriorityClass name"
        raise forbidden("pods", "", name(a.obj), why)
    if chosen:
        spec["priorityClassName"] = name(chosen)
    spec["priority"] = value
    spec.setdefault("preemptionPolicy", policy)


def _global_default(api: Cluster) -> Obj | None:
    defaults = [c for c in api.read_all("priorityclasses.scheduling.k8s.io") if c.get("globalDefault")]
    return min(defaults, key=lambda c: int(c.get("value", 0))) if defaults else None


def validate(a: Attributes, api: Cluster) -> None:
    """There is one default."""
    if a.kind.plural != "priorityclasses" or not (a.obj or {}).get("globalDefault"):
        return
    known = _global_default(api)
    if known is not None and (a.operation == "CREATE" or name(known) != a.name):
        raise forbidden_(a, f"PriorityClass {name(known)} is already marked as default. Only one default can exist")


CLASSES = "priorityclasses.scheduling.k8s.io"
PLUGIN = Plugin("Priority", order=70, mutate=mutate, validate=validate, handles=frozenset({"pods", CLASSES}))
