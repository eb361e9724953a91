"""How a resource is, by kind: Healthy, Progressing, Degraded, Suspended; None for kinds that have no health. Pure.

Source: Argo CD "Resource Health"; gitops-engine `pkg/health`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from minikctl.api.meta import Obj, find_condition

HEALTHY, SUSPENDED, PROGRESSING, MISSING, DEGRADED, UNKNOWN = (
    "Healthy",
    "Suspended",
    "Progressing",
    "Missing",
    "Degraded",
    "Unknown",
)
WORSE = (HEALTHY, SUSPENDED, PROGRESSING, MISSING, DEGRADED, UNKNOWN)
"""Each is worse than those before it."""

Health = tuple[str, str]
"""Status and message."""


def of(obj: Obj) -> Health | None:
    if obj["metadata"].get("deletionTimestamp"):
        return PROGRESSING, "Pending deletion"
    group = obj.get("apiVersion", "").rpartition("/")[0]
    rule = _RULES.get((group, obj.get("kind", "")))
    return rule(obj) if rule else None


def worst(statuses: Iterable[str]) -> str:
    """Of several; Healthy of none."""
    return max(statuses, key=WORSE.index, default=HEALTHY)


def _condition(obj: Obj, kind: str) -> Obj:
    return find_condition((obj.get("status") or {}).get("conditions") or [], kind) or {}


def _count(obj: Obj, field: str) -> int:
    return int((obj.get("status") or {}).get(field) or 0)


def _observed(obj: Obj) -> bool:
    return int(obj["metadata"].get("generation") or 0) <= _count(obj, "observedGeneration")


def _deployment(obj: Obj) -> Health:
    if obj["spec"].get("paused"):
        return SUSPENDED, "Deployment is paused"
    wait = "Waiting for rollout to finish: "
    if not _observed(obj):
        return PROGRESSING, f"{wait}observed deployment generation less than desired generation"
    if _condition(obj, "Progressing").get("reason") == "ProgressDeadlineExceeded":
        return DEGRADED, f'Deployment "{obj["metadata"]["name"]}" exceeded its progress deadline'
    wanted, updated = int(obj["spec"].get("replicas", 1)), _count(obj, "updatedReplicas")
    if updated < wanted:
        return PROGRESSING, f"{wait}{updated} out of {wanted} new replicas have been updated..."
    if (old := _count(obj, "replicas") - updated) > 0:
        return PROGRESSING, f"{wait}{old} old replicas are pending termination..."
    if (available := _count(obj, "availableReplicas")) < updated:
        return PROGRESSING, f"{wait}{available} of {updated} updated replicas are available..."
    return HEALTHY, ""


def _replica_set(obj: Obj) -> Health:
    if not _observed(obj):
        return (
            PROGRESSING,
            "Waiting for rollout to finish: observed replica set generation less than desired generation",
        )
    failure = _condition(obj, "ReplicaFailure")
    if failure.get("status") == "True":
        return DEGRADED, str(failure.get("message", ""))
    wanted, available = int(obj["spec"].get("replicas", 1)), _count(obj, "availableReplicas")
    if available < wanted:
        return PROGRESSING, f"Waiting for rollout to finish: {available} out of {wanted} new replicas are available..."
    return HEALTHY, ""


def _stateful_set(obj: Obj) -> Health:
    if not _observed(obj):
        return PROGRESSING, "Waiting for statefulset spec update to be observed..."
    wanted, ready = int(obj["spec"].get("replicas", 1)), _count(obj, "readyReplicas")
    if ready < wanted:
        return PROGRESSING, f"Waiting for {wanted - ready} pods to be ready..."
    strategy, status = obj["spec"].get("updateStrategy") or {}, obj.get("status") or {}
    if strategy.get("type") == "OnDelete":
        return HEALTHY, f"statefulset has {ready} ready pods"
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    updated = _count(obj, "updatedReplicas")
    if partition:
        if updated < wanted - partition:
            return (
                PROGRESSING,
                f"Waiting for partitioned roll out to finish: {updated} out of {wanted - partition} new pods have been "
                "updated...",
            )
        return HEALTHY, f"partitioned roll out complete: {updated} new pods have been updated..."
    if status.get("updateRevision") != status.get("currentRevision"):
        revision = status.get("updateRevision")
        return (
            PROGRESSING,
            f"waiting for statefulset rolling update to complete {updated} pods at revision {revision}...",
        )
    return HEALTHY, f"statefulset rolling update complete {wanted} pods at revision {status.get('currentRevision')}..."


def _daemon_set(obj: Obj) -> Health:
    wait = f'Waiting for daemon set "{obj["metadata"]["name"]}" rollout to finish: '
    if not _observed(obj):
        return PROGRESSING, f"{wait}observed daemon set generation less than desired generation"
    wanted, updated = _count(obj, "desiredNumberScheduled"), _count(obj, "updatedNumberScheduled")
    if (obj["spec"].get("updateStrategy") or {}).get("type") == "OnDelete":
        return HEALTHY, f"daemon set {_count(obj, 'numberReady')} out of {wanted} new pods have been updated"
    if updated < wanted:
        return PROGRESSING, f"{wait}{updated} out of {wanted} new pods have been updated..."
    if (available := _count(obj, "numberAvailable")) < wanted:
        return PROGRESSING, f"{wait}{available} of {wanted} updated pods are available..."
    return HEALTHY, ""


def _service(obj: Obj) -> Health:
    if obj["spec"].get("type") != "LoadBalancer":
        return HEALTHY, ""
    return _has_address(obj)


def _has_address(obj: Obj) -> Health:
    given = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress")
    return (HEALTHY, "") if given else (PROGRESSING, "")


def _claim(obj: Obj) -> Health:
    phase = (obj.get("status") or {}).get("phase")
    return {"Lost": DEGRADED, "Bound": HEALTHY}.get(str(phase), PROGRESSING), ""


def _pod(obj: Obj) -> Health:
    status = obj.get("status") or {}
    for one in status.get("containerStatuses") or []:
        reason = ((one.get("state") or {}).get("waiting") or {}).get("reason") or ""
        if obj["spec"].get("restartPolicy", "Always") == "Always" and (
            reason.startswith("Err") or reason.endswith(("Error", "BackOff"))
        ):
            return DEGRADED, str(one["state"]["waiting"].get("message") or reason)
    phase, message = status.get("phase"), str(status.get("message") or "")
    if phase == "Succeeded":
        return HEALTHY, message
    if phase == "Failed":
        return DEGRADED, message or str(status.get("reason") or "")
    if phase == "Running" and obj["spec"].get("restartPolicy", "Always") == "Always":
        if _condition(obj, "Ready").get("status") == "True":
            return HEALTHY, message
        if any((c.get("lastState") or {}).get("terminated") for c in status.get("containerStatuses") or []):
            return DEGRADED, message
    return PROGRESSING, message


def _job(obj: Obj) -> Health:
    failed = _condition(obj, "Failed")
    if failed.get("status") == "True":
        return DEGRADED, str(failed.get("message", ""))
    if _condition(obj, "Complete").get("status") == "True":
        return HEALTHY, str(_condition(obj, "Complete").get("message", ""))
    if _condition(obj, "Suspended").get("status") == "True":
        return SUSPENDED, str(_condition(obj, "Suspended").get("message", ""))
    return PROGRESSING, ""


def _autoscaler(obj: Obj) -> Health:
    for condition in (obj.get("status") or {}).get("conditions") or []:
        bad = condition.get("reason", "").startswith(("FailedGet", "FailedUpdate", "Invalid"))
        if condition.get("status") == "False" and bad:
            return DEGRADED, str(condition.get("message", ""))
    for kind in ("AbleToScale", "ScalingLimited"):
        if _condition(obj, kind).get("status") == "True":
            return HEALTHY, str(_condition(obj, kind).get("message", ""))
    return PROGRESSING, "Waiting to Autoscale"


def _is_true(kind: str) -> Callable[[Obj], Health]:
    def rule(obj: Obj) -> Health:
        condition = _condition(obj, kind)
        return (HEALTHY if condition.get("status") == "True" else PROGRESSING), str(condition.get("message", ""))

    return rule


_RULES: dict[tuple[str, str], Callable[[Obj], Health]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _replica_set,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("", "Service"): _service,
    ("networking.k8s.io", "Ingress"): _has_address,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Pod"): _pod,
    ("batch", "Job"): _job,
    ("autoscaling", "HorizontalPodAutoscaler"): _autoscaler,
    ("apiregistration.k8s.io", "APIService"): _is_true("Available"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _is_true("Established"),
}
