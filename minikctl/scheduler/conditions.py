"""What an attempt that found no node leaves on the pod. Pure."""

from __future__ import annotations

from minikctl.api.meta import Obj, find_condition, generation


def condition_patch(pod: Obj, reason: str, message: str, now: str, nominated: str | None) -> Obj | None:
    """The merge patch of the pod's status, None when it says all that already. `nominated`: see FitError."""
    status: Obj = {}
    conditions = with_unschedulable(pod, reason, message, now)
    if conditions is not None:
        status["conditions"] = conditions
    if nominated is not None and nominated != ((pod.get("status") or {}).get("nominatedNodeName") or ""):
        status["nominatedNodeName"] = nominated or None
    if not status:
        return None
    return {"metadata": {"resourceVersion": pod["metadata"]["resourceVersion"]}, "status": status}


def with_unschedulable(pod: Obj, reason: str, message: str, now: str) -> list[Obj] | None:
    """The pod's conditions with PodScheduled=False; None when they say so already."""
    present: list[Obj] = (pod.get("status") or {}).get("conditions") or []
    known = find_condition(present, "PodScheduled") or {}
    if (known.get("status"), known.get("reason"), known.get("message")) == ("False", reason, message):
        return None
    since = known.get("lastTransitionTime", now) if known.get("status") == "False" else now
    condition: Obj = {"type": "PodScheduled"}
    if generation(pod):
        condition["observedGeneration"] = generation(pod)
    condition |= {
        "status": "False",
        "lastProbeTime": None,
        "lastTransitionTime": since,
        "reason": reason,
        "message": message,
    }
    if not known:
        return [*present, condition]
    return [condition if c is known else c for c in present]
