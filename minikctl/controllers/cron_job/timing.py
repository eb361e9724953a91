"""When a CronJob is due: the latest time of its schedule that has passed, and the next one. Pure.

A time that was missed, because nobody was there to see it, is caught up with once, and only the latest; with
startingDeadlineSeconds only while it is not too late. A schedule without a zone is in UTC, as in a cluster whose control
plane runs in containers. Source: Kubernetes `pkg/controller/cronjob/utils.go`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from minikctl.api import cron
from minikctl.api.durations import parse_time
from minikctl.api.meta import Obj

MANY = 100
SLACK_SECONDS = 0.1
"""How long after a time it is looked at."""


@dataclass(frozen=True)
class Due:
    """latest: the last time of the schedule up to now that has not been dealt with; missed: how many there were."""

    since: datetime
    latest: datetime | None = None
    missed: int = 0


def schedule_of(cron_job: Obj) -> cron.Schedule:
    """Raises cron.ScheduleError."""
    text, zone = cron_job["spec"].get("schedule") or "", cron_job["spec"].get("timeZone")
    return cron.parse(f"TZ={zone} {text}" if zone and "TZ" not in text else text)


def start_deadline(cron_job: Obj) -> timedelta | None:
    seconds = cron_job["spec"].get("startingDeadlineSeconds")
    return None if seconds is None else timedelta(seconds=int(seconds))


def due(cron_job: Obj, schedule: cron.Schedule, now: datetime, *, mind_deadline: bool = True) -> Due:
    last = (cron_job.get("status") or {}).get("lastScheduleTime")
    since = parse_time(last or cron_job["metadata"]["creationTimestamp"])
    deadline = start_deadline(cron_job)
    if mind_deadline and deadline is not None:
        since = max(since, now - deadline)
    first = cron.next_time(schedule, since)
    if first is None or first > now:
        return Due(since)
    second = cron.next_time(schedule, first)
    if second is None or second > now:
        return Due(since, first, 1)
    period = max(round((second - first).total_seconds()), 1)
    missed = int((now - first).total_seconds()) // period + 1
    latest = None
    at = cron.next_time(schedule, first + timedelta(seconds=(missed - 2) * period))
    while at is not None and at <= now:
        latest, at = at, cron.next_time(schedule, at)
    return Due(since, latest, missed)


def next_in(cron_job: Obj, schedule: cron.Schedule, now: datetime) -> float | None:
    """Seconds until the CronJob is to be looked at again; None when its schedule names no time any more."""
    found = due(cron_job, schedule, now, mind_deadline=False)
    begin = found.latest or (now if found.missed else found.since)
    upcoming = cron.next_time(schedule, begin)
    if upcoming is None:
        return None
    return max((upcoming - now).total_seconds(), 0.0) + SLACK_SECONDS


def is_too_late(cron_job: Obj, scheduled: datetime, now: datetime) -> bool:
    deadline = start_deadline(cron_job)
    return deadline is not None and scheduled + deadline < now
