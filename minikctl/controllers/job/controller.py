"""The controller: looks at a Job and its pods, creates or deletes the difference, counts, and says when it is over.

Source: Kubernetes `pkg/controller/job/job_controller.go`.
"""

from __future__ import annotations

from datetime import datetime

from minikctl.api.errors import ApiError
from minikctl.api.meta import (
    Obj,
    Objects,
    controller_of,
    is_deleting,
    key,
    name,
    namespace,
    timestamp,
    uid,
)
from minikctl.controllers.base import cause_of
from minikctl.controllers.common import ownership, pods
from minikctl.controllers.common.expectations import Expectations
from minikctl.controllers.common.pod_control import is_namespace_terminating, slow_start
from minikctl.controllers.common.workload import RETRY_SECONDS, WorkloadController
from minikctl.controllers.job import decisions, spec, template, tracking
from minikctl.controllers.job.decisions import Facts, Plan
from minikctl.controllers.job.failures import Backoff

LARGE_JOB, BATCH_SECONDS = 10, 0.1
ORPHAN = "orphan:"
"""Keys of pods that still have the finalizer though nobody will count them any more."""


class JobController(WorkloadController):
    name = "job-controller"
    resource = "jobs.batch"

    def setup(self) -> None:
        super().setup()
        self.expectations = Expectations(self.clock)
        self.backoffs: dict[str, Backoff] = {}
        self.releasing: dict[str, frozenset[str]] = {}
        """By Job: uids of pods whose finalizer was removed, until the cache shows it."""

    def size(self, owner: Obj) -> int:
        return int(owner.get("status", {}).get("active") or 0)

    def enqueue_owner(self, owner: Obj, pod: Obj) -> None:
        """Pods of a large Job that end at about the same time are counted together: each count is two writes."""
        if self.size(owner) < LARGE_JOB:
            super().enqueue_owner(owner, pod)
        else:
            self.queue.add_after(key(owner), BATCH_SECONDS, cause_of(pod))

    def what_counts(self, pod: Obj) -> object:
        restarts = pods.max_restarts(pod) if pods.phase(pod) == "Running" else None
        return pods.phase(pod), pods.is_ready(pod), spec.is_tracked(pod), restarts

    def pod_created(self, owner: Obj, pod: Obj) -> None:
        self.expectations.creation_observed(key(owner))

    def pod_deleted(self, owner: Obj, pod: Obj) -> None:
        self.expectations.deletion_observed(key(owner), uid(pod))

    def forget(self, object_key: str) -> None:
        super().forget(object_key)
        self.expectations.forget(object_key)

    def owner_deleted(self, owner: Obj) -> None:
        super().owner_deleted(owner)
        for pod in ownership.owned(self.pods, uid(owner)):
            self._enqueue_orphan(pod)

    def pod_added(self, pod: Obj) -> None:
        super().pod_added(pod)
        self._enqueue_orphan(pod)

    def pod_updated(self, old: Obj, new: Obj) -> None:
        super().pod_updated(old, new)
        self._enqueue_orphan(new)

    def _enqueue_orphan(self, pod: Obj) -> None:
        if spec.is_tracked(pod) and self.owner_of(pod) is None:
            self.queue.add(ORPHAN + key(pod), cause_of(pod))

    # ------------------------------------------------------------------ sync

    def sync(self, object_key: str) -> float | None:
        if object_key.startswith(ORPHAN):
            self._sync_orphan(object_key.removeprefix(ORPHAN))
            return None
        job = self.owners.by_key(object_key)
        if job is None or spec.is_finished(job):
            self._drop(object_key)
        if job is None or spec.is_managed_elsewhere(job):
            return None
        mine = ownership.owned(self.pods, uid(job))
        if spec.is_finished(job):
            self._release(object_key, [p for p in mine if spec.is_tracked(p)])
            return None
        if self.written.is_stale(object_key, self.owners):
            return RETRY_SECONDS
        counts_are_true = self.expectations.satisfied(object_key)
        selector = self.selector(job)
        claims = ownership.RefManager(self.client, self.kind, job, self.pods.kind, selector, spec.TRACKING)
        claimed = claims.claim(mine + ownership.orphans(self.pods, namespace(job)))
        return self._reconcile(job, claimed, counts_are_true)

    def _drop(self, object_key: str) -> None:
        self.expectations.forget(object_key)
        self.backoffs.pop(object_key, None)

    def _reconcile(self, job: Obj, mine: Objects, counts_are_true: bool) -> float | None:
        now, object_key = self.clock.now(), key(job)
        seen = frozenset(uid(p) for p in mine if spec.is_tracked(p))
        self.releasing[object_key] = self.releasing.get(object_key, frozenset()) & seen
        stored = job
        if not spec.started(job) and not spec.is_suspended(job):
            job = {**job, "status": {**job.get("status", {}), "startTime": timestamp(now)}}
        facts = decisions.look(job, mine, self.releasing[object_key])
        backoff = self.backoffs.get(object_key, Backoff()).seen(facts.new_succeeded, facts.new_failed)
        turn = _Turn(stored, job, facts, counts_are_true, now)
        end = decisions.verdict(facts, now)
        if end is not None:
            end = self._end_all(turn, end)
        else:
            end = self._go_on(turn, backoff)
        self._record(turn, end, backoff)
        if turn.failure is not None:
            raise turn.failure
        if end is not None:
            return self.expectations.expires_in(object_key)
        return decisions.next_check(turn.job, now, turn.wait, self.expectations.expires_in(object_key))

    def _end_all(self, turn: _Turn, end: Obj) -> Obj | None:
        """Nothing more is to run. None: not all could be told so; it is too early to call it finished."""
        running = len(turn.facts.active)
        self._delete(turn, turn.facts.active, release=False)
        return end if turn.removed == running and turn.counts_are_true else None

    def _go_on(self, turn: _Turn, backoff: Backoff) -> Obj | None:
        job, now = turn.job, turn.now
        managed = turn.counts_are_true and not is_deleting(job)
        if managed:
            self._manage(turn, decisions.plan(turn.facts, backoff, now))
        if decisions.is_complete(turn.facts, turn.active):
            text = "Reached expected number of succeeded pods"
            return spec.condition(spec.SUCCESS_MET, "True", "CompletionsReached", text, now)
        if managed:
            self._note_suspension(turn)
        return None

    def _note_suspension(self, turn: _Turn) -> None:
        job, now = turn.job, turn.now
        if spec.is_suspended(job):
            new = spec.condition(spec.SUSPENDED, "True", "JobSuspended", "Job suspended", now)
        else:
            new = spec.condition(spec.SUSPENDED, "False", "JobResumed", "Job resumed", now)
        status = job.get("status", {})
        before = status.get("conditions") or []
        conditions = spec.with_condition(before, new)
        if conditions == before:
            return
        status = {**status, "conditions": conditions}
        if spec.is_suspended(job):
            self.recorder.normal(job, "Suspended", "Job suspended")
        else:
            status["startTime"] = timestamp(now)
            self.recorder.normal(job, "Resumed", "Job resumed")
        turn.job = {**job, "status": status}

    # ------------------------------------------------------------------ pods

    def _manage(self, turn: _Turn, plan: Plan) -> None:
        turn.wait = plan.wait
        if plan.delete:
            self._delete(turn, plan.delete, release=True)
        elif plan.create:
            self._create(turn, plan.create)

    def _create(self, turn: _Turn, wanted: list[int | None]) -> None:
        job, object_key = turn.job, key(turn.job)
        self.expectations.expect_creations(object_key, len(wanted))
        left = iter(wanted)

        def create_one() -> None:
            index = next(left)
            before = turn.facts.waiting.get(index) if index is not None else None
            self.pod_control.create(job, template.of(job, index, before), template.generate_name(job, index))

        turn.created, failure = slow_start(len(wanted), create_one)
        self.expectations.creation_observed(object_key, len(wanted) - turn.created)
        if failure is not None and not is_namespace_terminating(failure):
            turn.failure = failure

    def _delete(self, turn: _Turn, doomed: Objects, *, release: bool) -> None:
        """release: the pods are not to be counted."""
        object_key = key(turn.job)
        self.expectations.expect_deletions(object_key, [uid(p) for p in doomed])
        for pod in doomed:
            try:
                if release and spec.is_tracked(pod):
                    self._remove_finalizer(pod)
                self.pod_control.delete(turn.job, name(pod))
            except ApiError as e:
                self.expectations.deletion_observed(object_key, uid(pod))
                if e.reason != "NotFound":
                    turn.failure = turn.failure or e
                    continue
            turn.removed += 1
            turn.removed_ready += pods.is_ready(pod)

    def _release(self, object_key: str, candidates: Objects) -> tuple[set[str], ApiError | None]:
        """Remove the finalizers. Returns the uids of those that have lost it, and the first error."""
        done: set[str] = set()
        failure: ApiError | None = None
        for pod in candidates:
            try:
                self._remove_finalizer(pod)
            except ApiError as e:
                if e.reason != "NotFound":
                    failure = failure or e
                    continue
            done.add(uid(pod))
        self.releasing[object_key] = self.releasing.get(object_key, frozenset()) | done
        return done, failure

    def _remove_finalizer(self, pod: Obj) -> None:
        patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": [spec.TRACKING]}}
        self.client.patch("pods", name(pod), patch, namespace(pod), patch_type="strategic")

    def _sync_orphan(self, pod_key: str) -> None:
        """A pod whose Job is gone will be counted by nobody."""
        pod = self.pods.by_key(pod_key)
        if pod is None or not spec.is_tracked(pod) or self.owner_of(pod) is not None:
            return
        ref = controller_of(pod)
        if ref is None or (ref.get("kind") == self.kind.kind and not self._lives(ref, namespace(pod))):
            self._remove_finalizer(pod)

    def _lives(self, reference: Obj, in_namespace: str) -> bool:
        """Ask the server: the cache of Jobs may be behind that of pods."""
        try:
            return uid(self.client.get(self.kind, reference["name"], in_namespace)) == reference.get("uid")
        except ApiError as e:
            if e.reason != "NotFound":
                raise
            return False

    # ------------------------------------------------------------------ status

    def _record(self, turn: _Turn, end: Obj | None, backoff: Backoff) -> None:
        """Write down what has ended, let it go, and write down that it is counted."""
        job, object_key = turn.job, key(turn.job)
        status = {**job.get("status", {}), **turn.counts()}
        tracked = tracking.track(turn.facts, status, end, turn.now)
        self._write(turn, tracked.status)
        self.backoffs[object_key] = backoff
        done, failure = self._release(object_key, tracked.release)
        status = tracking.count_released(tracked.status, turn.facts.tracked - done)
        final = None
        if failure is None and not tracked.is_full:
            final = tracking.finished(status, tracked.end, turn.terminating)
        self._write(turn, final or status)
        if final is not None and tracked.end is not None:
            self._tell_end(turn.stored, tracked.end)
        turn.failure = turn.failure or failure

    def _write(self, turn: _Turn, status: Obj) -> None:
        status = tracking.trimmed(status)
        if status != tracking.trimmed(turn.stored.get("status", {})):
            turn.stored = self.client.update(self.kind, {**turn.stored, "status": status}, subresource="status")
            self.written.wrote(key(turn.stored), turn.stored)

    def _tell_end(self, job: Obj, end: Obj) -> None:
        if end["type"] == spec.FAILED:
            self.recorder.warning(job, end.get("reason", ""), end.get("message", ""))
            return
        wanted = spec.completions(job)
        if wanted is not None and int(job["status"].get("succeeded") or 0) > wanted:
            text = "Too many succeeded pods running after completion count reached"
            self.recorder.warning(job, "TooManySucceededPods", text)
        self.recorder.normal(job, "Completed", "Job completed")


class _Turn:
    """One sync in progress: what was seen, and what has been done since.

    stored: the Job as the server has it; job: with what this sync has decided.
    """

    def __init__(self, stored: Obj, job: Obj, facts: Facts, counts_are_true: bool, now: datetime):
        self.stored, self.job, self.facts, self.counts_are_true, self.now = stored, job, facts, counts_are_true, now
        self.created = self.removed = self.removed_ready = 0
        self.wait: float | None = None
        self.failure: ApiError | None = None

    @property
    def active(self) -> int:
        return len(self.facts.active) + self.created - self.removed

    @property
    def terminating(self) -> int:
        return self.facts.terminating + self.removed

    def counts(self) -> Obj:
        ready = self.facts.ready - self.removed_ready
        return {"active": self.active, "ready": ready, "terminating": self.terminating}
