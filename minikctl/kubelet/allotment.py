"""What a runtime is told that containers and pods may use, from their resource lists. Pure.

Source: kubelet `cm/helpers_linux.go` (ResourceConfigForPod), `kuberuntime_container_linux.go`; KEP-2837.
"""

from __future__ import annotations

from minikctl.api import quantity
from minikctl.api.meta import Obj
from minikctl.api.policy.pod_resources import LIMITS, REQUESTS, of_pod
from minikctl.runtime.interface import Resources


def of_container(pod: Obj, resources: Obj) -> Resources:
    """`resources`: those that the container has been granted. Its limit stands in for a request that it lacks."""
    requests, limits = resources.get(REQUESTS) or {}, resources.get(LIMITS) or {}
    whole = (pod["spec"].get("resources") or {}).get(REQUESTS) or {}
    cpu = requests.get("cpu") or limits.get("cpu") or ("0" if requests else whole.get("cpu", "0"))
    return Resources(
        cpu_request=quantity.milli(cpu),
        cpu_limit=quantity.milli(limits.get("cpu", "0")),
        memory_limit=quantity.value(limits.get("memory", "0")),
    )


def of_whole_pod(pod: Obj, pids: int) -> Resources:
    """For the pod together. `pids`: how many processes it may have, 0 for no limit."""
    asked = of_pod({"spec": pod["spec"]}, REQUESTS)
    whole = (pod["spec"].get("resources") or {}).get(LIMITS) or {}
    return Resources(
        cpu_request=quantity.milli(asked.get("cpu", "0")),
        cpu_limit=quantity.milli(whole.get("cpu", "0")),
        memory_limit=quantity.value(whole.get("memory", "0")),
        pids_limit=max(pids, 0),
    )
