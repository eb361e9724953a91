"""What one look at a Job and its pods says: how many there are of which sort, whether it is over, what to do next. Pure.

Source: Kubernetes `pkg/controller/job/job_controller.go` (syncJob, manageJob), `indexed_job_utils.go`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from minikctl.api.meta import Obj, Objects, condition, condition_is, is_deleting, uid
from minikctl.controllers.common import pods, ranking
from minikctl.controllers.job import failures, indexes, spec
from minikctl.controllers.job.failures import Backoff
from minikctl.controllers.job.indexes import Indexes

MOST_AT_ONCE = 500
"""How many pods one sync creates or deletes at most."""


@dataclass
class Facts:
    """The pods of a Job, counted. tracked: uids of those that the status does not count for good yet."""

    job: Obj
    pods: Objects
    tracked: frozenset[str]
    active: Objects
    ready: int
    terminating: int
    new_succeeded: Objects
    new_failed: Objects
    succeeded: int
    failed: int
    done_before: Indexes = frozenset()
    done: Indexes = frozenset()
    lost: Indexes | None = None
    """Failed indexes; None where indexes do not fail each for itself."""
    waiting: dict[int, Obj] = field(default_factory=dict)
    """By index: the failed pod that is kept until its replacement knows of its failure."""


def uncounted(job: Obj, which: str) -> list[str]:
    """uids that the status remembers, because their pods may go before they are counted."""
    listed = job.get("status", {}).get("uncountedTerminatedPods") or {}
    return list(listed.get(which) or [])


def look(job: Obj, mine: Objects, releasing: frozenset[str]) -> Facts:
    """releasing: uids of pods whose finalizer was removed, though the cache may not show it yet."""
    tracked = frozenset(uid(p) for p in mine if spec.is_tracked(p)) - releasing
    remembered = {k: uncounted(job, k) for k in ("succeeded", "failed")}
    succeeded = _fresh(job, mine, tracked, remembered["succeeded"], succeeded=True)
    failed = _fresh(job, mine, tracked, remembered["failed"], succeeded=False)
    status = job.get("status", {})
    active = pods.active(mine)
    counted = sum(failures.counts(job, p) for p in failed)
    facts = Facts(
        job=job,
        pods=mine,
        tracked=tracked,
        active=active,
        ready=sum(pods.is_ready(p) for p in active),
        terminating=sum(pods.is_terminating(p) for p in mine),
        new_succeeded=succeeded,
        new_failed=failed,
        succeeded=int(status.get("succeeded") or 0) + len(succeeded) + len(remembered["succeeded"]),
        failed=int(status.get("failed") or 0) + counted + len(remembered["failed"]),
    )
    if spec.is_indexed(job):
        _look_at_indexes(facts)
    return facts


def _fresh(job: Obj, mine: Objects, tracked: frozenset[str], known: list[str], *, succeeded: bool) -> Objects:
    """Pods that have ended so and that the status does not know of."""
    found = []
    for pod in mine:
        if uid(pod) not in tracked or uid(pod) in known:
            continue
        if spec.is_indexed(job) and not _valid_index(job, pod):
            continue
        if pods.phase(pod) == "Succeeded" if succeeded else failures.has_failed(pod, job):
            found.append(pod)
    return found


def _valid_index(job: Obj, pod: Obj) -> bool:
    index = spec.index_of(pod)
    return index is not None and index < (spec.completions(job) or 0)


def _look_at_indexes(facts: Facts) -> None:
    job, status = facts.job, facts.job.get("status", {})
    total = spec.completions(job) or 0
    valid = [(int(spec.index_of(p) or 0), p) for p in facts.pods if _valid_index(job, p)]
    kept = [(i, p) for i, p in valid if spec.is_tracked(p)]
    facts.done_before = indexes.parse(status.get("completedIndexes") or "", total)
    facts.done = facts.done_before | {i for i, p in kept if pods.phase(p) == "Succeeded"}
    facts.succeeded = len(facts.done)
    if spec.index_limit(job) is None:
        return
    lost = indexes.parse(status.get("failedIndexes") or "", total)
    facts.lost = lost | {i for i, p in kept if failures.index_has_failed(job, p)}
    settled = facts.done | facts.lost | {i for i, p in valid if pods.is_active(p)}
    for index, pod in valid:
        has_failed = uid(pod) in facts.tracked and index not in settled and failures.has_failed(pod, job)
        if has_failed and _is_later(pod, facts.waiting.get(index)):
            facts.waiting[index] = pod


def _is_later(pod: Obj, known: Obj | None) -> bool:
    if known is None:
        return True
    if failures.all_failures(pod) < failures.all_failures(known):
        return False
    return failures.finished_at(pod) >= failures.finished_at(known)


# ---------------------------------------------------------------------- is it over?


def verdict(facts: Facts, now: datetime) -> Obj | None:
    """The condition that ends the Job, met now or in an earlier sync; None while it goes on."""
    job = facts.job
    if condition_is(job, spec.SUCCESS_MET):
        return condition(job, spec.SUCCESS_MET)
    if condition_is(job, spec.FAILURE_TARGET):
        earlier = condition(job, spec.FAILURE_TARGET) or {}
        return spec.condition(spec.FAILED, "True", earlier.get("reason", ""), earlier.get("message", ""), now)
    reason, message = _failure(facts, now)
    if reason:
        return spec.condition(spec.FAILURE_TARGET, "True", reason, message, now)
    rule = success_rule(facts)
    if rule is not None:
        return spec.condition(spec.SUCCESS_MET, "True", "SuccessPolicy", f"Matched rules at index {rule}", now)
    return None


def _failure(facts: Facts, now: datetime) -> tuple[str, str]:
    """(reason, message), both "" when nothing is wrong."""
    job = facts.job
    why = failures.job_failure(job, facts.pods)
    if why:
        return "PodFailurePolicy", why
    if facts.failed > spec.backoff_limit(job) or _too_many_restarts(facts):
        return "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    left = spec.deadline_in(job, now)
    if left is not None and left <= 0:
        return "DeadlineExceeded", "Job was active longer than specified deadline"
    if facts.lost is not None:
        allowed = job["spec"].get("maxFailedIndexes")
        if allowed is not None and len(facts.lost) > int(allowed):
            return "MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes"
        if facts.lost and len(facts.lost) + len(facts.done) >= (spec.completions(job) or 0):
            return "FailedIndexes", "Job has failed indexes"
    return "", ""


def _too_many_restarts(facts: Facts) -> bool:
    """Containers that are restarted in place count as tries, too."""
    if facts.job["spec"].get("template", {}).get("spec", {}).get("restartPolicy") != "OnFailure":
        return False
    restarts = 0
    for pod in facts.pods:
        if pods.phase(pod) in ("Running", "Pending"):
            status = pod.get("status", {})
            listed = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
            restarts += sum(int(s.get("restartCount") or 0) for s in listed)
    limit = spec.backoff_limit(facts.job)
    return restarts >= limit if limit else restarts > 0


def success_rule(facts: Facts) -> int | None:
    """The number of the first rule of successPolicy that is met."""
    rules = (facts.job["spec"].get("successPolicy") or {}).get("rules") or []
    if not facts.done:
        return None
    for number, rule in enumerate(rules):
        count = rule.get("succeededCount")
        done = facts.done
        if rule.get("succeededIndexes") is not None:
            wanted = indexes.parse(rule["succeededIndexes"], spec.completions(facts.job) or 0)
            if not wanted:
                continue
            done = facts.done & wanted
            if done == wanted:
                return number
        if count is not None and len(done) >= int(count):
            return number
    return None


def is_complete(facts: Facts, active: int) -> bool:
    """Whether all is done. active: how many pods there are after this sync's own creations and deletions."""
    wanted = spec.completions(facts.job)
    return active == 0 and (facts.succeeded > 0 if wanted is None else facts.succeeded >= wanted)


# ---------------------------------------------------------------------- what next?


@dataclass
class Plan:
    """Either deletes or creates. create: one entry a pod, its index or None. wait: seconds until more may be done."""

    delete: Objects = field(default_factory=list)
    create: list[int | None] = field(default_factory=list)
    wait: float | None = None


def plan(facts: Facts, backoff: Backoff, now: datetime) -> Plan:
    job, active = facts.job, len(facts.active)
    if spec.is_suspended(job):
        return Plan(delete=to_delete(facts, active, now))
    wanted = wanted_active(facts)
    surplus = to_delete(facts, max(active - wanted, 0), now)[:MOST_AT_ONCE]
    if surplus:
        return Plan(delete=surplus)
    ending = facts.terminating if spec.waits_for_the_end(job) else 0
    missing = min(wanted - ending - active, MOST_AT_ONCE)
    if missing <= 0:
        return Plan()
    if facts.lost is None and (wait := backoff.remaining(now)) > 0:
        return Plan(wait=wait)
    if not spec.is_indexed(job):
        return Plan(create=[None] * missing)
    return _plan_indexes(facts, missing, now)


def wanted_active(facts: Facts) -> int:
    """How many pods shall run now."""
    wanted, at_once = spec.completions(facts.job), spec.parallelism(facts.job)
    if wanted is None:
        return len(facts.active) if facts.succeeded > 0 else at_once
    return max(min(wanted - facts.succeeded, at_once), 0)


def _plan_indexes(facts: Facts, missing: int, now: datetime) -> Plan:
    job = facts.job
    busy = facts.active
    if spec.waits_for_the_end(job):
        busy = busy + [p for p in facts.pods if pods.is_terminating(p)]
    taken = facts.done | (facts.lost or frozenset()) | {i for p in busy if (i := spec.index_of(p)) is not None}
    free = indexes.first_missing(taken, spec.completions(job) or 0, missing)
    if facts.lost is None:
        return Plan(create=list(free))
    delays = {i: failures.index_delay(facts.waiting.get(i), now) for i in free}
    ready: list[int | None] = [i for i in free if delays[i] == 0]
    return Plan(create=ready, wait=min((d for d in delays.values() if d), default=None))


def to_delete(facts: Facts, at_least: int, now: datetime) -> Objects:
    """Active pods to delete: those with no valid index or one that another has, and as many more as are needed."""
    doomed: Objects = []
    left = facts.active
    if spec.is_indexed(facts.job):
        by_index: dict[int, Objects] = {}
        for pod in facts.active:
            if _valid_index(facts.job, pod):
                by_index.setdefault(int(spec.index_of(pod) or 0), []).append(pod)
            else:
                doomed.append(pod)
        left = []
        for _, same in sorted(by_index.items()):
            ordered = ranking.pods_to_delete([*same], [], len(same) - 1, now) if len(same) > 1 else []
            doomed += ordered
            left += [p for p in same if p not in ordered]
    if len(doomed) < at_least:
        doomed += ranking.pods_to_delete(left, [], at_least - len(doomed), now)
    return doomed


def next_check(job: Obj, now: datetime, *others: float | None) -> float | None:
    """Seconds until time alone changes something."""
    times = [spec.deadline_in(job, now), *others]
    if is_deleting(job):
        return None
    return min((max(t, 0.0) for t in times if t is not None), default=None)
