"""The controller: keeps the list of active Jobs, makes the one that is due, deletes the oldest ones.

Source: Kubernetes `pkg/controller/cronjob/cronjob_controllerv2.go`.
"""

from __future__ import annotations

from datetime import datetime

from minikctl.api import cron
from minikctl.api.durations import parse_time
from minikctl.api.errors import ApiError
from minikctl.api.meta import (
    Obj,
    Objects,
    annotations_of,
    is_controlled_by,
    is_deleting,
    key,
    name,
    namespace,
    timestamp,
    uid,
)
from minikctl.client import DeleteOptions
from minikctl.client.informer import Handler
from minikctl.controllers.base import Controller, cause_of
from minikctl.controllers.common import ownership
from minikctl.controllers.common.pod_control import is_namespace_terminating
from minikctl.controllers.common.workload import RETRY_SECONDS
from minikctl.controllers.common.written import Written
from minikctl.controllers.cron_job import jobs, timing


class CronJobController(Controller):
    name = "cronjob-controller"

    def setup(self) -> None:
        self.cron_jobs = self.watch("cronjobs.batch", on_update=self._updated, on_delete=self._deleted)
        self.jobs = self.informers.informer("jobs.batch")
        ownership.index(self.jobs)
        self.jobs.add_handler(Handler(self._job_changed, lambda _old, new: self._job_changed(new), self._job_changed))
        self.written = Written(self.clock)

    def _updated(self, _old: Obj, new: Obj) -> None:
        if not self.written.is_own(key(new), new):
            self.enqueue(new)

    def _deleted(self, cron_job: Obj) -> None:
        self.written.forget(key(cron_job))

    def _job_changed(self, job: Obj) -> None:
        owner = ownership.owner_in(self.cron_jobs, job)
        if owner is not None:
            self.queue.add(key(owner), cause_of(job))

    # ------------------------------------------------------------------ sync

    def sync(self, object_key: str) -> float | None:
        cron_job = self.cron_jobs.by_key(object_key)
        if cron_job is None:
            return None
        if self.written.is_stale(object_key, self.cron_jobs):
            return RETRY_SECONDS
        mine = ownership.owned(self.jobs, uid(cron_job))
        turn = _Turn(cron_job, self.clock.now())
        self._count(turn, mine)
        again: float | None = None
        failure: ApiError | None = None
        try:
            again = self._schedule(turn)
        except ApiError as e:
            failure = e
        for old in jobs.beyond_limits(cron_job, mine):
            self._delete(turn, old)
        self._write_status(turn)
        if failure is not None:
            raise failure
        return again

    def _count(self, turn: _Turn, mine: Objects) -> None:
        """Bring status.active and status.lastSuccessfulTime up to date."""
        known = {a.get("uid") for a in turn.active}
        for job in sorted(mine, key=name):
            how = jobs.finished(job)
            if not how and uid(job) not in known:
                if jobs.SCHEDULED_AT in annotations_of(job):  # made before a crash: Kubernetes would only complain
                    turn.add(job)
                    continue
                text = f"Saw a job that the controller did not create or forgot: {name(job)}"
                self.recorder.warning(turn.cron_job, "UnexpectedJob", text)
            if how and uid(job) in known:
                turn.forget(uid(job))
                text = f"Saw completed job: {name(job)}, condition: {how}"
                self.recorder.normal(turn.cron_job, "SawCompletedJob", text)
            if how == "Complete":
                turn.note_success((job.get("status") or {}).get("completionTime"))
        present = {uid(j) for j in mine}
        for entry in [a for a in turn.active if a.get("uid") not in present]:
            if not self._exists(entry):
                self.recorder.normal(turn.cron_job, "MissingJob", f"Active job went missing: {entry.get('name')}")
                turn.forget(entry.get("uid", ""))

    def _exists(self, entry: Obj) -> bool:
        """Ask the server: the cache may be behind."""
        try:
            return uid(self.client.get(self.jobs.kind, entry["name"], entry["namespace"])) == entry.get("uid")
        except ApiError as e:
            if e.reason != "NotFound":
                raise
            return False

    def _schedule(self, turn: _Turn) -> float | None:
        """Make the Job that is due. Returns the seconds until the next one. Raises ApiError."""
        cron_job, now = turn.cron_job, turn.now
        if is_deleting(cron_job) or cron_job["spec"].get("suspend"):
            return None
        zone = cron_job["spec"].get("timeZone")
        if zone and not cron.known_zone(zone):  # this machine may know fewer zones than the one that accepted it
            text = f'invalid timeZone: "{zone}": unknown time zone {zone}'
            self.recorder.warning(cron_job, "UnknownTimeZone", text)
            return None
        try:
            schedule = timing.schedule_of(cron_job)
        except cron.ScheduleError as e:
            text = f'unparseable schedule: "{cron_job["spec"].get("schedule")}" : {e}'
            self.recorder.warning(cron_job, "UnparseableSchedule", text)
            return None
        due = timing.due(cron_job, schedule, now)
        if due.latest is not None and self._may_start(turn, due):
            self._start(turn, due.latest)
        return timing.next_in(turn.with_status(), schedule, now)

    def _may_start(self, turn: _Turn, due: timing.Due) -> bool:
        cron_job, scheduled = turn.cron_job, due.latest
        assert scheduled is not None
        if due.missed > timing.MANY:
            text = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
            self.recorder.warning(cron_job, "TooManyMissedTimes", text)
        if timing.is_too_late(cron_job, scheduled, turn.now):
            text = f"Missed scheduled time to start a job: {scheduled.strftime('%a, %d %b %Y %H:%M:%S +0000')}"
            self.recorder.warning(cron_job, "MissSchedule", text)
            return False
        if any(a.get("name") == jobs.job_name(cron_job, scheduled) for a in turn.active):
            return False
        last = turn.status.get("lastScheduleTime")
        if last and parse_time(last) == scheduled:
            return False
        if cron_job["spec"].get("concurrencyPolicy") == "Forbid" and turn.active:
            text = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self.recorder.normal(cron_job, "JobAlreadyActive", text)
            return False
        return True

    def _start(self, turn: _Turn, scheduled: datetime) -> None:
        cron_job = turn.cron_job
        if cron_job["spec"].get("concurrencyPolicy") == "Replace":
            for entry in list(turn.active):
                self._delete(turn, {"metadata": {k: entry.get(k, "") for k in ("name", "namespace", "uid")}})
        wanted = jobs.job(cron_job, scheduled)
        try:
            made = self.client.create(self.jobs.kind, wanted, namespace(cron_job))
        except ApiError as e:
            if e.reason == "AlreadyExists":  # made before, but its status was not written
                made = self.client.get(self.jobs.kind, name(wanted), namespace(cron_job))
                if is_controlled_by(made, cron_job):
                    turn.note_start(made, scheduled)
                return
            if not is_namespace_terminating(e):
                self.recorder.warning(cron_job, "FailedCreate", f"Error creating job: {e.message}")
            raise
        self.recorder.normal(cron_job, "SuccessfulCreate", f"Created job {name(made)}")
        turn.note_start(made, scheduled)

    def _delete(self, turn: _Turn, job: Obj) -> None:
        options = DeleteOptions(propagation="Background", uid=uid(job))
        try:
            self.client.delete(self.jobs.kind, name(job), namespace(job), options=options)
        except ApiError as e:
            if e.reason not in ("NotFound", "Conflict"):
                self.recorder.warning(turn.cron_job, "FailedDelete", f"Deleted job: {e.message}")
                raise
        else:
            self.recorder.normal(turn.cron_job, "SuccessfulDelete", f"Deleted job {name(job)}")
        turn.forget(uid(job))

    def _write_status(self, turn: _Turn) -> None:
        if turn.status != (turn.cron_job.get("status") or {}):
            stored = self.client.update(self.cron_jobs.kind, turn.with_status(), subresource="status")
            self.written.wrote(key(stored), stored)


class _Turn:
    """One sync in progress: the CronJob, and the status that it is to have."""

    def __init__(self, cron_job: Obj, now: datetime):
        self.cron_job, self.now = cron_job, now
        self.status: Obj = dict(cron_job.get("status") or {})

    @property
    def active(self) -> Objects:
        return self.status.get("active") or []

    def _set_active(self, active: Objects) -> None:
        self.status["active"] = active
        if not active:
            del self.status["active"]

    def forget(self, job_uid: str) -> None:
        if any(a.get("uid") == job_uid for a in self.active):
            self._set_active([a for a in self.active if a.get("uid") != job_uid])

    def add(self, job: Obj) -> None:
        if not any(a.get("uid") == uid(job) for a in self.active):
            self._set_active([*self.active, jobs.reference(job)])

    def note_start(self, job: Obj, scheduled: datetime) -> None:
        if not jobs.finished(job):
            self.add(job)
        self.status["lastScheduleTime"] = timestamp(scheduled)

    def note_success(self, when: str | None) -> None:
        known = self.status.get("lastSuccessfulTime")
        if when and (not known or parse_time(when) > parse_time(known)):
            self.status["lastSuccessfulTime"] = when

    def with_status(self) -> Obj:
        return {**self.cron_job, "status": self.status}
