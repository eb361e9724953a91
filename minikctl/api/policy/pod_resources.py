"""What a pod asks for and may use as a whole, as resource lists in the words of its containers.

`api.scheduling.pod_requests` is the same sum as plain numbers, for the scheduler's loops.
Source: component-helpers `resource/helpers.go`; KEP-753 (sidecars), KEP-2837 (pod-level resources), KEP-1287 (resize).
"""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.api.policy import amounts
from minikctl.api.policy.amounts import Amounts

REQUESTS, LIMITS = "requests", "limits"
_AT_POD_LEVEL = ("cpu", "memory")


def of_container(container: Obj, what: str) -> Amounts:
    """A container's requests or limits."""
    return (container.get("resources") or {}).get(what) or {}


def is_sidecar(container: Obj) -> bool:
    return container.get("restartPolicy") == "Always"


def of_containers(spec: Obj, what: str) -> Amounts:
    """Containers together with sidecars, or the largest moment of the pod's start, where that is more."""
    together = amounts.total(of_container(c, what) for c in spec.get("containers") or [])
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or []:
        wanted = of_container(container, what)
        if is_sidecar(container):
            sidecars = amounts.add(sidecars, wanted)
            peak = amounts.raised_to(peak, sidecars)
        else:
            peak = amounts.raised_to(peak, amounts.add(sidecars, wanted))
    return amounts.raised_to(amounts.add(together, sidecars), peak)


def of_pod(pod: Obj, what: str) -> Amounts:
    """What counts for a pod: its containers as they are allotted, what it names itself instead, overhead on top.

    Overhead adds to limits only where there are some.
    """
    spec = pod.get("spec") or {}
    sum_ = of_containers(_allotted(pod) if what == REQUESTS else spec, what)
    whole = (spec.get("resources") or {}).get(what) or {}
    sum_ |= {n: a for n, a in whole.items() if n in _AT_POD_LEVEL or n.startswith("hugepages-")}
    overhead = spec.get("overhead") or {}
    return amounts.add(sum_, overhead if what == REQUESTS else amounts.mask(overhead, sum_))


def _allotted(pod: Obj) -> Obj:
    """The spec with the requests that a resize in progress holds: the larger of what is wanted and what is there."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    held: dict[str, Amounts] = {}
    for field in ("containerStatuses", "initContainerStatuses"):
        for known in status.get(field) or []:
            actual = (known.get("resources") or {}).get(REQUESTS) or {}
            held[known.get("name", "")] = amounts.raised_to(actual, known.get("allocatedResources") or {})
    if not any(held.values()):
        return spec

    def raised(containers: list[Obj]) -> list[Obj]:
        return [
            {
                **c,
                "resources": {REQUESTS: amounts.raised_to(of_container(c, REQUESTS), held.get(c.get("name", ""), {}))},
            }
            for c in containers
        ]

    changed = {f: raised(spec[f]) for f in ("containers", "initContainers") if spec.get(f)}
    return {**spec, **changed}
