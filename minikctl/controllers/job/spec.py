"""What a Job asks for, and what it has become. Pure functions on a Job."""

from __future__ import annotations

from datetime import datetime, timedelta

from minikctl.api.durations import parse_time
from minikctl.api.meta import Obj, Objects, annotations_of, condition_is, find_condition, timestamp

TRACKING = "batch.kubernetes.io/job-tracking"
"""The finalizer that a pod has until the Job's status counts it."""
INDEX = "batch.kubernetes.io/job-completion-index"
OWN_NAME = "kubernetes.io/job-controller"
COMPLETE, FAILED, SUSPENDED = "Complete", "Failed", "Suspended"
SUCCESS_MET, FAILURE_TARGET = "SuccessCriteriaMet", "FailureTarget"
"""Decided, but some pods still end or are not counted yet: Complete and Failed follow."""
NO_LIMIT = 2**31 - 1


def completions(job: Obj) -> int | None:
    """None: any success will do, and the pods agree among themselves (a work queue)."""
    wanted = job["spec"].get("completions")
    return None if wanted is None else int(wanted)


def parallelism(job: Obj) -> int:
    wanted = job["spec"].get("parallelism")
    return 1 if wanted is None else int(wanted)


def backoff_limit(job: Obj) -> int:
    limit = job["spec"].get("backoffLimit")
    return 6 if limit is None else int(limit)


def index_limit(job: Obj) -> int | None:
    """backoffLimitPerIndex, where indexes fail each for itself."""
    limit = job["spec"].get("backoffLimitPerIndex")
    return None if limit is None or not is_indexed(job) else int(limit)


def is_indexed(job: Obj) -> bool:
    return bool(job["spec"].get("completionMode") == "Indexed")


def is_suspended(job: Obj) -> bool:
    return bool(job["spec"].get("suspend"))


def waits_for_the_end(job: Obj) -> bool:
    """podReplacementPolicy Failed: a pod counts as failed, and is replaced, when it has ended and not before."""
    return bool(job["spec"].get("podReplacementPolicy") == "Failed")


def is_finished(job: Obj) -> bool:
    return condition_is(job, COMPLETE) or condition_is(job, FAILED)


def is_managed_elsewhere(job: Obj) -> bool:
    manager = job["spec"].get("managedBy")
    return manager is not None and manager != OWN_NAME


def is_tracked(pod: Obj) -> bool:
    return TRACKING in (pod["metadata"].get("finalizers") or [])


def index_of(pod: Obj) -> int | None:
    """The completion index of a pod; None without a proper one."""
    text = annotations_of(pod).get(INDEX, "")
    return int(text) if text.isascii() and text.isdigit() else None


# ---------------------------------------------------------------------- time


def started(job: Obj) -> datetime | None:
    text = job.get("status", {}).get("startTime")
    return parse_time(text) if text else None


def deadline_in(job: Obj, now: datetime) -> float | None:
    """Seconds until activeDeadlineSeconds are over, 0 or less when they are; None when no clock is running."""
    seconds, since = job["spec"].get("activeDeadlineSeconds"), started(job)
    if seconds is None or since is None or is_suspended(job):
        return None
    return (since + timedelta(seconds=int(seconds)) - now).total_seconds()


# ---------------------------------------------------------------------- conditions


def condition(kind: str, status: str, reason: str, message: str, now: datetime) -> Obj:
    stamp = timestamp(now)
    made = {
        "type": kind,
        "status": status,
        "lastProbeTime": stamp,
        "lastTransitionTime": stamp,
        "reason": reason,
        "message": message,
    }
    return {k: v for k, v in made.items() if v}


def with_condition(conditions: Objects, new: Obj) -> Objects:
    """The list with the condition in it. One that was never true is not added as false."""
    known = find_condition(conditions, new["type"])
    if known is None:
        return conditions if new["status"] == "False" else [*conditions, new]
    if all(known.get(f) == new.get(f) for f in ("status", "reason", "message")):
        return conditions
    return [new if c is known else c for c in conditions]
