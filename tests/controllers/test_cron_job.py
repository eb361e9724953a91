"""The CronJob controller on a cluster whose clock only moves when the test says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from minikctl.api.meta import Obj, Objects, annotations_of, controller_of, labels_of, name, timestamp
from minikctl.controllers.cron_job import CronJobController, jobs, timing
from minikctl.controllers.garbage_collector import GarbageCollector
from minikctl.controllers.job import JobController
from tests.controllers.conftest import MakePlane
from tests.support.control_plane import ControlPlane

CRON, JOB = "cronjobs.batch", "jobs.batch"


@pytest.fixture
def plane(plane_of: MakePlane) -> ControlPlane:
    made = plane_of(CronJobController, JobController, GarbageCollector)
    now = made.clock.now()
    until = (now + timedelta(hours=1)).replace(minute=0, second=30, microsecond=0)
    made.clock.advance((until - now).total_seconds())  # half a minute past a full hour
    return made


def cron_job(schedule: str = "* * * * *", **spec: Any) -> Obj:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}
    template = {"metadata": {"labels": {"app": "hello"}}, "spec": {"template": {"spec": pod}}}
    return {"metadata": {"name": "hello"}, "spec": {"schedule": schedule, "jobTemplate": template} | spec}


def create(plane: ControlPlane, obj: Obj) -> None:
    plane.cluster.client.create(CRON, obj, "default")
    plane.settle()


def get(plane: ControlPlane) -> Obj:
    return plane.cluster.client.get(CRON, "hello", "default")


def status(plane: ControlPlane) -> Obj:
    return get(plane).get("status") or {}


def made(plane: ControlPlane) -> Objects:
    return sorted(plane.cluster.client.list(JOB, "default")["items"], key=name)


def end(plane: ControlPlane, phase: str = "Succeeded") -> None:
    """All pods that run."""
    assert plane.kubelet
    for pod in plane.cluster.client.list("pods", "default")["items"]:
        if pod["status"]["phase"] == "Running":
            plane.kubelet.finish(pod, phase)
    plane.settle()


def reasons(plane: ControlPlane) -> list[str]:
    listed = plane.cluster.client.list("events", "default")["items"]
    return [e["reason"] for e in listed if e["involvedObject"]["kind"] == "CronJob"]


# ---------------------------------------------------------------------- making Jobs


def test_a_job_at_every_time(plane: ControlPlane) -> None:
    create(plane, cron_job())
    assert not made(plane) and not status(plane)
    plane.assert_at_rest()
    plane.settle(31)
    (job,) = made(plane)
    scheduled = plane.clock.now().replace(second=0, microsecond=0)
    assert name(job) == f"hello-{int(scheduled.timestamp()) // 60}" and labels_of(job) == {"app": "hello"}
    assert annotations_of(job)["batch.kubernetes.io/cronjob-scheduled-timestamp"] == timestamp(scheduled)
    assert (controller_of(job) or {})["kind"] == "CronJob"
    found = status(plane)
    assert [a["name"] for a in found["active"]] == [name(job)] and found["lastScheduleTime"] == timestamp(scheduled)
    end(plane)
    found = status(plane)
    assert "active" not in found and found["lastSuccessfulTime"]
    assert reasons(plane) == ["SuccessfulCreate", "SawCompletedJob"]
    plane.assert_at_rest()
    plane.settle(60)
    assert len(made(plane)) == 2


@pytest.mark.parametrize(("policy", "jobs_", "active"), [("Allow", 3, 3), ("Forbid", 1, 1), ("Replace", 1, 1)])
def test_what_happens_while_the_last_one_still_runs(plane: ControlPlane, policy: str, jobs_: int, active: int) -> None:
    create(plane, cron_job(concurrencyPolicy=policy))
    plane.settle(31)
    first = name(made(plane)[0])
    plane.settle(120)
    found = [name(j) for j in made(plane)]
    assert len(found) == jobs_ and len(status(plane)["active"]) == active
    assert (first in found) is (policy != "Replace")
    plane.assert_at_rest() if policy != "Forbid" else None


def test_forbid_makes_up_for_it_when_the_last_one_has_ended(plane: ControlPlane) -> None:
    create(plane, cron_job(concurrencyPolicy="Forbid"))
    plane.settle(31)
    plane.settle(150)
    assert len(made(plane)) == 1 and "JobAlreadyActive" in reasons(plane)
    end(plane)
    assert len(made(plane)) == 2


def test_a_suspended_one_makes_none_until_it_goes_on(plane: ControlPlane) -> None:
    create(plane, cron_job(suspend=True))
    plane.settle(300)
    assert not made(plane)
    plane.cluster.client.patch(CRON, "hello", {"spec": {"suspend": False}}, "default")
    plane.settle()
    assert len(made(plane)) == 1  # the latest time missed, and only that


@pytest.mark.parametrize(("deadline", "count"), [(None, 1), (30, 0), (3600, 1)])
def test_what_was_missed_is_made_up_for_unless_it_is_too_late(
    plane: ControlPlane, deadline: int | None, count: int
) -> None:
    more = {} if deadline is None else {"startingDeadlineSeconds": deadline}
    create(plane, cron_job("0 * * * *", suspend=True, **more))
    plane.settle(3600 + 600)  # ten minutes past
    plane.cluster.client.patch(CRON, "hello", {"spec": {"suspend": False}}, "default")
    plane.settle()
    assert len(made(plane)) == count
    plane.assert_at_rest()


def test_a_changed_schedule_counts_at_once(plane: ControlPlane) -> None:
    create(plane, cron_job("0 0 1 1 *"))
    plane.settle(120)
    assert not made(plane)
    plane.cluster.client.patch(CRON, "hello", {"spec": {"schedule": "* * * * *"}}, "default")
    plane.settle(61)
    assert made(plane)


def test_after_a_long_pause_it_complains_and_goes_on(plane: ControlPlane) -> None:
    create(plane, cron_job(suspend=True))
    plane.clock.advance(3 * 24 * 3600)
    plane.cluster.client.patch(CRON, "hello", {"spec": {"suspend": False}}, "default")
    plane.settle()
    assert len(made(plane)) == 1 and "TooManyMissedTimes" in reasons(plane)


# ---------------------------------------------------------------------- keeping book


@pytest.mark.parametrize(
    ("phase", "limits", "left"),
    [
        ("Succeeded", {}, 3),
        ("Failed", {}, 1),
        ("Succeeded", {"successfulJobsHistoryLimit": 1}, 1),
        ("Succeeded", {"successfulJobsHistoryLimit": 0}, 0),
        ("Failed", {"failedJobsHistoryLimit": 2}, 2),
    ],
)
def test_history_limits(plane: ControlPlane, phase: str, limits: Obj, left: int) -> None:
    obj = cron_job(**limits)
    obj["spec"]["jobTemplate"]["spec"]["backoffLimit"] = 0
    create(plane, obj)
    plane.settle(31)
    for _ in range(5):
        end(plane, phase)
        plane.settle(60)
    ended = [j for j in made(plane) if jobs.finished(j)]
    assert len(ended) == left
    newest = sorted(name(j) for j in ended)
    assert newest == [name(j) for j in made(plane)][: len(newest)]
    plane.assert_at_rest()


def test_a_job_that_somebody_deleted_is_forgotten(plane: ControlPlane) -> None:
    create(plane, cron_job("*/5 * * * *"))
    plane.settle(300)
    (job,) = made(plane)
    plane.cluster.client.delete(JOB, name(job), "default")
    plane.settle()
    assert "active" not in status(plane) and "MissingJob" in reasons(plane)
    assert not made(plane)
    plane.assert_at_rest()


def test_a_job_made_before_a_crash_is_found_again(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    create(plane, cron_job("*/5 * * * *"))
    controller: Any = plane.controllers[0]

    def die(_turn: Any) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(controller, "_write_status", die)
    plane.clock.advance(300)
    with pytest.raises(RuntimeError):
        controller.sync("default/hello")
    monkeypatch.undo()
    assert not status(plane)
    plane.settle(1)
    assert len(made(plane)) == 1 and [a["name"] for a in status(plane)["active"]] == [name(made(plane)[0])]


def test_deleting_it_deletes_its_jobs(plane: ControlPlane) -> None:
    create(plane, cron_job())
    plane.settle(31)
    plane.cluster.client.delete(CRON, "hello", "default")
    plane.settle(5)
    assert not made(plane) and not plane.cluster.client.list("pods", "default")["items"]


def test_create_job_from_it_by_hand(plane: ControlPlane) -> None:
    create(plane, cron_job("0 0 1 1 *"))
    assert plane.cluster.cli("create", "job", "now", "--from=cronjob/hello").code == 0
    plane.settle()
    end(plane)
    assert jobs.finished(made(plane)[0]) == "Complete" and status(plane)["lastSuccessfulTime"]
    plane.assert_at_rest()


# ---------------------------------------------------------------------- timing


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-{text}Z").astimezone(UTC)


@pytest.mark.parametrize(
    ("schedule", "last", "now", "latest", "missed"),
    [
        ("0 * * * *", "01T10:00:00", "01T10:30:00", None, 0),
        ("0 * * * *", "01T10:00:00", "01T11:00:00", "01T11:00:00", 1),
        ("0 * * * *", "01T10:00:00", "01T11:59:00", "01T11:00:00", 1),
        ("0 * * * *", "01T10:00:00", "01T13:30:00", "01T13:00:00", 3),
        ("* * * * *", "01T10:00:00", "01T10:05:30", "01T10:05:00", 5),
        ("* * * * *", "01T10:00:00", "02T10:00:00", "02T10:00:00", 1440),
        ("0 9 * * 1-5", "06T09:00:00", "08T12:00:00", None, 0),  # over the weekend
        ("0 9 * * 1-5", "06T09:00:00", "09T09:00:00", "09T09:00:00", 1),
        ("30 6-16/4 * * 1-5", "02T06:30:00", "03T07:00:00", "03T06:30:00", 6),
        ("@every 90m", "01T10:00:00", "01T13:30:00", "01T13:00:00", 2),
        ("TZ=Europe/Berlin 0 0 * * *", "01T10:00:00", "01T23:30:00", "01T23:00:00", 1),
    ],
)
def test_the_latest_time_that_is_due(schedule: str, last: str, now: str, latest: str | None, missed: int) -> None:
    obj = cron_job(schedule)
    obj["status"] = {"lastScheduleTime": timestamp(at(last))}
    obj["metadata"]["creationTimestamp"] = timestamp(at("01T00:00:00"))
    found = timing.due(obj, timing.schedule_of(obj), at(now))
    assert (found.latest, found.missed) == (at(latest) if latest else None, missed)


@pytest.mark.parametrize(
    ("schedule", "deadline", "now", "seconds"),
    [
        ("0 * * * *", None, "01T10:30:00", 1800.1),
        ("0 * * * *", None, "01T11:00:00", 3600.1),
        ("* * * * *", None, "01T10:00:59", 1.1),
        ("0 0 30 2 *", None, "01T10:30:00", None),
        ("0 * * * *", 10, "01T13:30:00", 1800.1),
    ],
)
def test_when_to_look_again(schedule: str, deadline: int | None, now: str, seconds: float | None) -> None:
    obj = cron_job(schedule, startingDeadlineSeconds=deadline)
    obj["metadata"]["creationTimestamp"] = timestamp(at("01T10:00:00"))
    found = timing.next_in(obj, timing.schedule_of(obj), at(now))
    assert found == (pytest.approx(seconds) if seconds else None)


def test_a_zone_of_its_own_field() -> None:
    obj = cron_job("0 9 * * *", timeZone="Asia/Tokyo")
    obj["metadata"] |= {"creationTimestamp": timestamp(at("01T10:00:00")), "uid": "u"}
    obj |= {"apiVersion": "batch/v1", "kind": "CronJob"}
    found = timing.due(obj, timing.schedule_of(obj), at("02T01:00:00"))
    assert found.latest == at("02T00:00:00")
    made_ = jobs.job(obj, at("02T00:00:00"))
    assert annotations_of(made_)[jobs.SCHEDULED_AT] == "2026-03-02T09:00:00+09:00"


def test_a_zone_that_this_machine_does_not_know(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    from minikctl.api import cron

    create(plane, cron_job(timeZone="Asia/Tokyo", suspend=True))
    monkeypatch.setattr(cron, "known_zone", lambda _name: False)
    plane.cluster.client.patch(CRON, "hello", {"spec": {"suspend": False}}, "default", patch_type="merge")
    plane.settle(120)
    assert not made(plane) and "UnknownTimeZone" in reasons(plane)
