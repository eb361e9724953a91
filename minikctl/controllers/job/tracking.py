"""Counting pods that have ended, each exactly once, although they may vanish at any time. Pure.

A pod has a finalizer from its creation on. Once it has ended, its uid goes into `status.uncountedTerminatedPods`, then
its finalizer is removed, then it moves from that list into the counter: whatever happens in between, the next sync can
tell what has been done. Indexes need no list: `completedIndexes` remembers them.
Source: KEP-2307, Kubernetes trackJobStatusAndRemoveFinalizers.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from minikctl.api.meta import Obj, Objects, find_condition, is_deleting, uid
from minikctl.controllers.common import pods
from minikctl.controllers.job import failures, indexes, spec
from minikctl.controllers.job.decisions import Facts

MOST_UNCOUNTED = 500
"""How many uids the status holds at most."""


@dataclass
class Tracked:
    """status: to be written before any of `release` loses its finalizer. is_full: more pods have to wait for later."""

    status: Obj
    release: Objects
    end: Obj | None
    is_full: bool = False


def track(facts: Facts, status: Obj, end: Obj | None, now: datetime) -> Tracked:
    """end: the condition that ends the Job, if it is decided; what is returned has its final form."""
    status = count_released(status, facts.tracked)
    listed = status["uncountedTerminatedPods"]
    succeeded, failed = list(listed.get("succeeded") or []), list(listed.get("failed") or [])
    new_indexes: set[int] = set()
    release: Objects = []
    is_full = False
    for pod in _in_order(facts):
        if uid(pod) not in facts.tracked or not _may_go(facts, pod, end):
            continue
        release.append(pod)
        if pods.phase(pod) == "Succeeded" and uid(pod) not in failed:
            _note_success(facts, pod, new_indexes, succeeded)
        elif failures.has_failed(pod, facts.job) or (end is not None and end["type"] != spec.SUCCESS_MET):
            _note_failure(facts, pod, failed)
        if len(new_indexes) + len(succeeded) + len(failed) >= MOST_UNCOUNTED:
            is_full = True
            break
    status = {**status, "uncountedTerminatedPods": _lists(succeeded, failed)}
    if spec.is_indexed(facts.job):
        status = _with_indexes(facts, status, new_indexes)
    status, end = _announced(status, end, now)
    return Tracked(status, release, end, is_full)


def _in_order(facts: Facts) -> Objects:
    if not spec.is_indexed(facts.job):
        return facts.pods
    return sorted(facts.pods, key=lambda p: -1 if (i := spec.index_of(p)) is None else i)


def _may_go(facts: Facts, pod: Obj, end: Obj | None) -> bool:
    """Whether nothing more is to be learned from the pod."""
    if is_deleting(facts.job) or end is not None or pods.phase(pod) == "Succeeded":
        return True
    if not failures.has_failed(pod, facts.job):
        return False
    waiting = facts.waiting.get(spec.index_of(pod) or 0) if spec.index_of(pod) is not None else None
    return waiting is None or uid(waiting) != uid(pod)


def _has_valid_index(facts: Facts, pod: Obj) -> bool:
    index = spec.index_of(pod)
    return index is not None and index < (spec.completions(facts.job) or 0)


def _note_success(facts: Facts, pod: Obj, new_indexes: set[int], succeeded: list[str]) -> None:
    if not spec.is_indexed(facts.job):
        if uid(pod) not in succeeded:
            succeeded.append(uid(pod))
    elif _has_valid_index(facts, pod):
        index = int(spec.index_of(pod) or 0)
        if index not in facts.done_before:
            new_indexes.add(index)


def _note_failure(facts: Facts, pod: Obj, failed: list[str]) -> None:
    if uid(pod) in failed or (spec.is_indexed(facts.job) and not _has_valid_index(facts, pod)):
        return
    if failures.counts(facts.job, pod):
        failed.append(uid(pod))


def _with_indexes(facts: Facts, status: Obj, new_indexes: set[int]) -> Obj:
    done = facts.done_before | new_indexes
    status = {**status, "succeeded": len(done), "completedIndexes": indexes.text(done)}
    if facts.lost is not None:
        status["failedIndexes"] = indexes.text(facts.lost)
    return status


def _announced(status: Obj, end: Obj | None, now: datetime) -> tuple[Obj, Obj | None]:
    """The interim condition goes into the status at once; what it becomes is for when all is counted."""
    if end is None or end["type"] not in (spec.FAILURE_TARGET, spec.SUCCESS_MET):
        return status, end
    conditions = status.get("conditions") or []
    if find_condition(conditions, end["type"]) is None:
        status = {**status, "conditions": [*conditions, end]}
    final = spec.FAILED if end["type"] == spec.FAILURE_TARGET else spec.COMPLETE
    return status, spec.condition(final, "True", end.get("reason", ""), end.get("message", ""), now)


def _lists(succeeded: list[str], failed: list[str]) -> Obj:
    return {k: v for k, v in (("succeeded", succeeded), ("failed", failed)) if v}


def count_released(status: Obj, tracked: Collection[str]) -> Obj:
    """Move the uids of pods without their finalizer from the list into the counters. tracked: who still has it."""
    listed = status.get("uncountedTerminatedPods") or {}
    left: dict[str, list[str]] = {}
    numbers: dict[str, int] = {}
    for which in ("succeeded", "failed"):
        known = listed.get(which) or []
        left[which] = [u for u in known if u in tracked]
        numbers[which] = int(status.get(which) or 0) + len(known) - len(left[which])
    return {**status, **numbers, "uncountedTerminatedPods": _lists(left["succeeded"], left["failed"])}


def finished(status: Obj, end: Obj | None, terminating: int) -> Obj | None:
    """The status with the final condition, when every pod has ended and is counted; None when it is not time yet."""
    if end is None or status.get("uncountedTerminatedPods") or terminating:
        return None
    conditions = spec.with_condition(status.get("conditions") or [], end)
    if end["type"] == spec.COMPLETE:
        status = {**status, "completionTime": end["lastTransitionTime"]}
    return {**status, "conditions": conditions}


def trimmed(status: Obj) -> Obj:
    """Without what Kubernetes leaves out when it is empty."""
    optional = ("active", "succeeded", "failed", "completedIndexes", "conditions")
    return {k: v for k, v in status.items() if v or k not in optional}
