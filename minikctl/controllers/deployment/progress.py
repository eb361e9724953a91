"""A Deployment's status: counts and the conditions Available, Progressing and ReplicaFailure. Pure.

Source: Kubernetes `pkg/controller/deployment/progress.go` and `sync.go` (calculateStatus).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from minikctl.api.durations import parse_time
from minikctl.api.meta import Obj, Objects, find_condition, generation, name, timestamp
from minikctl.controllers.deployment import limits
from minikctl.controllers.deployment.replica_sets import total, total_size

AVAILABLE, PROGRESSING, REPLICA_FAILURE = "Available", "Progressing", "ReplicaFailure"
NEW_AVAILABLE, UPDATED, TIMED_OUT = "NewReplicaSetAvailable", "ReplicaSetUpdated", "ProgressDeadlineExceeded"
CREATED, FOUND, CREATE_ERROR = "NewReplicaSetCreated", "FoundNewReplicaSet", "ReplicaSetCreateError"
PAUSED, RESUMED = "DeploymentPaused", "DeploymentResumed"


# ---------------------------------------------------------------------- conditions


def condition(kind: str, status: str, reason: str, message: str, now: datetime) -> Obj:
    stamp = timestamp(now)
    return {
        "type": kind,
        "status": status,
        "lastUpdateTime": stamp,
        "lastTransitionTime": stamp,
        "reason": reason,
        "message": message,
    }


def with_condition(conditions: Objects, new: Obj) -> Objects:
    """The list with the condition in it; the one that is there stays when status and reason are the same."""
    known = find_condition(conditions, new["type"])
    if known is not None and known.get("status") == new["status"]:
        if known.get("reason") == new.get("reason"):
            return conditions
        new = {**new, "lastTransitionTime": known.get("lastTransitionTime")}
    return [*without_condition(conditions, new["type"]), new]


def without_condition(conditions: Objects, kind: str) -> Objects:
    return [c for c in conditions if c.get("type") != kind]


def conditions_of(deployment: Obj) -> Objects:
    return deployment.get("status", {}).get("conditions") or []


# ---------------------------------------------------------------------- what the counts say


def counts(deployment: Obj, new: Obj | None, every: Objects) -> Obj:
    """The numbers of the status; conditions are carried over. every: all ReplicaSets, the new one included."""
    available = total(every, "availableReplicas")
    numbers = {
        "observedGeneration": generation(deployment),
        "replicas": total(every, "replicas"),
        "updatedReplicas": total([new] if new else [], "replicas"),
        "readyReplicas": total(every, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(total_size(every) - available, 0),
    }
    status: Obj = {k: n for k, n in numbers.items() if n}
    if all("terminatingReplicas" in rs.get("status", {}) for rs in every):
        status["terminatingReplicas"] = total(every, "terminatingReplicas")
    status["conditions"] = conditions_of(deployment)
    collisions = deployment.get("status", {}).get("collisionCount")
    if collisions is not None:
        status["collisionCount"] = collisions
    return status


def is_complete(deployment: Obj, status: Obj) -> bool:
    """All pods are of the new template and available, and nobody has asked for anything else since."""
    wanted = limits.replicas(deployment)
    fields = ("updatedReplicas", "replicas", "availableReplicas")
    return all((status.get(f) or 0) == wanted for f in fields) and (
        status.get("observedGeneration") or 0
    ) >= generation(deployment)


def has_progressed(before: Obj, after: Obj) -> bool:
    """More new pods, fewer old ones, or more that are ready or available than the last status said."""

    def n(status: Obj, field: str) -> int:
        return int(status.get(field) or 0)

    old_before = n(before, "replicas") - n(before, "updatedReplicas")
    old_after = n(after, "replicas") - n(after, "updatedReplicas")
    rising = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return old_after < old_before or any(n(after, f) > n(before, f) for f in rising)


def has_timed_out(deployment: Obj, status: Obj, now: datetime) -> bool:
    """Whether the last sign of progress is longer ago than progressDeadlineSeconds."""
    deadline = limits.progress_deadline(deployment)
    current = find_condition(status.get("conditions") or [], PROGRESSING)
    if deadline is None or current is None or current.get("reason") == NEW_AVAILABLE:
        return False
    if current.get("reason") == TIMED_OUT:
        return True
    return _last_update(current) + timedelta(seconds=deadline) < now


def _last_update(current: Obj) -> datetime:
    return parse_time(current.get("lastUpdateTime") or current.get("lastTransitionTime") or "1970-01-01T00:00:00Z")


def seconds_until_stuck(deployment: Obj, status: Obj, now: datetime) -> float | None:
    """When to look again because nothing may happen before the deadline; None when it does not matter."""
    deadline = limits.progress_deadline(deployment)
    current = find_condition(status.get("conditions") or [], PROGRESSING)
    if deadline is None or current is None or is_complete(deployment, status):
        return None
    if current.get("reason") in (TIMED_OUT, NEW_AVAILABLE):  # time alone changes neither
        return None
    left = (_last_update(current) + timedelta(seconds=deadline) - now).total_seconds()
    return max(left, 0.0) + 1.0


# ---------------------------------------------------------------------- the whole status


def with_availability(deployment: Obj, status: Obj, now: datetime) -> Obj:
    """The status with condition Available."""
    enough = limits.replicas(deployment) - limits.max_unavailable(deployment)
    if (status.get("availableReplicas") or 0) >= enough:
        new = condition(AVAILABLE, "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", now)
    else:
        text = "Deployment does not have minimum availability."
        new = condition(AVAILABLE, "False", "MinimumReplicasUnavailable", text, now)
    return {**status, "conditions": with_condition(status["conditions"], new)}


def status_of_counts(deployment: Obj, new: Obj | None, every: Objects, now: datetime) -> Obj:
    """The status while nothing is rolled out: scaling, paused, being deleted."""
    return with_availability(deployment, counts(deployment, new, every), now)


def status_of_rollout(deployment: Obj, new: Obj | None, every: Objects, now: datetime) -> Obj:
    """The status during and after a rollout, with what is to be said about its progress."""
    status = status_of_counts(deployment, new, every, now)
    conditions: Objects = status["conditions"]
    current = find_condition(conditions_of(deployment), PROGRESSING)
    if limits.progress_deadline(deployment) is None:
        conditions = without_condition(conditions, PROGRESSING)
    elif not _was_complete(status, current):
        conditions = _judged(deployment, status, new, current, now)
    failure = _replica_failure(new, every)
    if failure is not None:
        conditions = with_condition(conditions, failure)
    else:
        conditions = without_condition(conditions, REPLICA_FAILURE)
    return {**status, "conditions": conditions}


def _was_complete(status: Obj, current: Obj | None) -> bool:
    """A finished rollout makes no progress any more, whatever happens to its pods."""
    same = (status.get("replicas") or 0) == (status.get("updatedReplicas") or 0)
    return same and current is not None and current.get("reason") == NEW_AVAILABLE


def _judged(deployment: Obj, status: Obj, new: Obj | None, current: Obj | None, now: datetime) -> Objects:
    conditions: Objects = status["conditions"]
    subject = f'ReplicaSet "{name(new)}"' if new is not None else f'Deployment "{name(deployment)}"'
    if is_complete(deployment, status):
        message = f"{subject} has successfully progressed."
        return with_condition(conditions, condition(PROGRESSING, "True", NEW_AVAILABLE, message, now))
    if has_progressed(deployment.get("status", {}), status):
        sign = condition(PROGRESSING, "True", UPDATED, f"{subject} is progressing.", now)
        if current is not None and current.get("status") == "True":
            sign["lastTransitionTime"] = current.get("lastTransitionTime")
        return [*without_condition(conditions, PROGRESSING), sign]  # also with the same reason: lastUpdateTime counts
    if has_timed_out(deployment, status, now):
        message = f"{subject} has timed out progressing."
        return with_condition(conditions, condition(PROGRESSING, "False", TIMED_OUT, message, now))
    return conditions


def _replica_failure(new: Obj | None, every: Objects) -> Obj | None:
    """A ReplicaSet's trouble with its pods, the new one's first, as the Deployment's."""
    for rs in [*([new] if new else []), *every]:
        found = find_condition(rs.get("status", {}).get("conditions") or [], REPLICA_FAILURE)
        if found is not None:
            since = found.get("lastTransitionTime")
            return {
                "type": REPLICA_FAILURE,
                "status": found.get("status", ""),
                "lastUpdateTime": since,
                "lastTransitionTime": since,
                **{k: found[k] for k in ("reason", "message") if found.get(k)},
            }
    return None


def with_pause(deployment: Obj, now: datetime) -> Objects:
    """The conditions when a Deployment is paused or resumed: time spent paused is not lack of progress."""
    conditions = conditions_of(deployment)
    current = find_condition(conditions, PROGRESSING)
    reason = current.get("reason") if current is not None else None
    if limits.progress_deadline(deployment) is None or reason == TIMED_OUT:
        return conditions
    if limits.is_paused(deployment) and reason != PAUSED:
        return with_condition(conditions, condition(PROGRESSING, "Unknown", PAUSED, "Deployment is paused", now))
    if not limits.is_paused(deployment) and reason == PAUSED:
        return with_condition(conditions, condition(PROGRESSING, "Unknown", RESUMED, "Deployment is resumed", now))
    return conditions
