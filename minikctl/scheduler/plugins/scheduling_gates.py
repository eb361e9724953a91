"""SchedulingGates: a pod with gates is not tried before somebody has removed them (KEP-3521)."""

from minikctl.scheduler.framework import Maybe, Plugin, unresolvable
from minikctl.scheduler.node_info import PodInfo


def pre_enqueue(pod: PodInfo) -> Maybe:
    gates = [g["name"] for g in pod.spec.get("schedulingGates") or []]
    return unresolvable(f"waiting for scheduling gates: [{' '.join(gates)}]") if gates else None


PLUGIN = Plugin("SchedulingGates", order=10, pre_enqueue=pre_enqueue)
