"""What the pods of a node ask for, each and together, as shares of what the node has.

Source: Kubernetes `component-helpers/resource` (PodRequests, PodLimits): sidecars count with the containers, other init
containers only where one needs more than all of them; overhead comes on top.
"""

from __future__ import annotations

from datetime import datetime

from minikctl.api import quantity
from minikctl.api.meta import Obj
from minikctl.kubectl.describe.values import age
from minikctl.kubectl.describe.writer import Writer

Amounts = dict[str, str]
_STANDARD = frozenset({"cpu", "memory", "ephemeral-storage", "pods"})


def pod_amounts(pod: Obj, field: str) -> Amounts:
    """The pod's `requests` or `limits`."""
    spec = pod.get("spec") or {}
    total: Amounts = {}
    for container in spec.get("containers") or []:
        total = _sum(total, _of(container, field))
    sidecars: Amounts = {}
    largest: Amounts = {}
    for container in spec.get("initContainers") or []:
        if container.get("restartPolicy") == "Always":
            total = _sum(total, _of(container, field))
            sidecars = _sum(sidecars, _of(container, field))
            largest = _largest(largest, sidecars)
        else:
            largest = _largest(largest, _sum(sidecars, _of(container, field)))
    total = _largest(total, largest)
    total |= (spec.get("resources") or {}).get(field) or {}
    overhead = spec.get("overhead") or {}
    if field == "limits":
        overhead = {k: v for k, v in overhead.items() if k in total}
    return _sum(total, overhead)


def _of(container: Obj, field: str) -> Amounts:
    amounts: Amounts = (container.get("resources") or {}).get(field) or {}
    return amounts


def _sum(a: Amounts, b: Amounts) -> Amounts:
    return {**a, **{k: quantity.add(a[k], v) if k in a and a[k] != "0" else v for k, v in b.items()}}


def _largest(a: Amounts, b: Amounts) -> Amounts:
    return {**a, **{k: v for k, v in b.items() if k not in a or quantity.parse(v) > quantity.parse(a[k])}}


def _share(amount: str, whole: str, name: str) -> str:
    """`100m (5%)`."""
    unit = quantity.milli if name == "cpu" else quantity.value
    total = unit(whole)
    return f"{amount} ({int(unit(amount) / total * 100) if total else 0}%)"


def describe_pods(pods: list[Obj], status: Obj, w: Writer, now: datetime) -> None:
    """The table of pods and the table of what is allocated."""
    allocatable: Amounts = status.get("allocatable") or status.get("capacity") or {}
    w.field(0, "Non-terminated Pods", f"({len(pods)} in total)")
    w.line(1, "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge")
    w.line(1, "---------\t----\t\t------------\t----------\t---------------\t-------------\t---")
    requests: Amounts = {}
    limits: Amounts = {}
    for pod in pods:
        asked, bound = pod_amounts(pod, "requests"), pod_amounts(pod, "limits")
        requests, limits = _sum(requests, asked), _sum(limits, bound)
        cells = [
            _share(amounts.get(name, "0"), allocatable.get(name, "0"), name)
            for name in ("cpu", "memory")
            for amounts in (asked, bound)
        ]
        meta = pod["metadata"]
        start = f"{meta.get('namespace', '')}\t{meta['name']}\t"
        w.line(1, "\t".join([start, *cells, age(meta.get("creationTimestamp"), now)]))
    _allocated(requests, limits, allocatable, w)


def _allocated(requests: Amounts, limits: Amounts, allocatable: Amounts, w: Writer) -> None:
    w.line(0, "Allocated resources:")
    w.line(1, "(Total limits may be over 100 percent, i.e., overcommitted.)")
    w.line(1, "Resource\tRequests\tLimits")
    w.line(1, "--------\t--------\t------")
    huge = sorted(n for n in allocatable if n.startswith("hugepages-"))
    for name in ("cpu", "memory", "ephemeral-storage", *huge):
        whole = allocatable.get(name, "0")
        cells = [_share(amounts.get(name, "0"), whole, name) for amounts in (requests, limits)]
        w.line(1, "\t".join([name, *cells]))
    for name in sorted(n for n in allocatable if n not in _STANDARD and not n.startswith("hugepages-")):
        w.line(1, f"{name}\t{requests.get(name, '0')}\t{limits.get(name, '0')}")
