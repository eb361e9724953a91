"""CronJobs: the list of active Jobs is true, the policy is kept, the history has its limits."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from minikctl.api.durations import parse_time
from minikctl.api.meta import Obj, condition_is, is_deleting, name, uid
from minikctl.controllers.cron_job import CronJobController
from minikctl.controllers.garbage_collector import GarbageCollector
from minikctl.controllers.job import JobController
from minikctl.controllers.job.spec import is_finished
from minikctl.controllers.pod_gc import PodGarbageCollector
from tests.simulation.strategies import deeds, examples
from tests.simulation.world import NAMESPACE, Act, World

CRON = "cronjobs.batch"


def _delete_job(world: World, a: int, _b: int) -> None:
    if (job := world.some(world.list("jobs.batch"), a)) is not None:
        world.client.delete("jobs.batch", name(job), NAMESPACE)


OWN: dict[str, Act] = {
    "a minute passes": lambda w, a, _b: w.clock.advance(20 + a % 50),
    "another minute passes": lambda w, a, _b: w.clock.advance(20 + a % 50),
    "suspend or resume": lambda w, a, _b: w.patch(CRON, {"spec": {"suspend": a % 2 == 0}}),
    "change the schedule": lambda w, a, _b: w.patch(CRON, {"spec": {"schedule": f"*/{a % 3 + 1} * * * *"}}),
    "change the policy": lambda w, a, _b: w.patch(
        CRON, {"spec": {"concurrencyPolicy": ("Allow", "Forbid", "Replace")[a % 3]}}
    ),
    "delete a job": _delete_job,
}


def starts_one_at_a_time(world: World, controller: str, verb: str, args: tuple[Any, ...], _more: Any) -> None:
    """No time that is written down as done gets another Job, and none starts beside another unless that is allowed."""
    if controller != "cronjob-controller" or verb != "create" or getattr(args[0], "plural", "") != "jobs":
        return
    if not world.lossless:
        return
    owner, job = world.get(CRON), args[1]
    last = (owner.get("status") or {}).get("lastScheduleTime")
    minute = int(name(job).rpartition("-")[2])
    assert not last or minute > parse_time(last).timestamp() // 60, f"{name(job)} is made again"
    running = [j for j in world.owned(owner, "jobs.batch") if not is_finished(j) and not is_deleting(j)]
    assert owner["spec"]["concurrencyPolicy"] == "Allow" or not running, [name(j) for j in running]


@examples(14)
@given(
    st.sampled_from(["Allow", "Forbid", "Replace"]),
    st.integers(0, 3),
    st.integers(0, 2),
    deeds(OWN, without=["relabel a pod", "make a stray pod", "a probe changes its mind"]),
)
def test_its_jobs_are_known_and_few(policy: str, successes: int, failures: int, happened: list[Any]) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "app:1"}]}}
    spec = {
        "schedule": "* * * * *",
        "concurrencyPolicy": policy,
        "successfulJobsHistoryLimit": successes,
        "failedJobsHistoryLimit": failures,
        "jobTemplate": {"spec": {"template": template, "backoffLimit": 1}},
    }
    classes = (CronJobController, JobController, GarbageCollector, PodGarbageCollector)
    with World(*classes, checks=[starts_one_at_a_time]) as world:
        world.client.create(CRON, {"metadata": {"name": "x"}, "spec": spec}, NAMESPACE)
        world.suffer(happened, OWN)
        world.patch(CRON, {"spec": {"suspend": True}})
        world.recover()
        check(world, world.get(CRON))
        world.assert_at_rest()


def check(world: World, owner: Obj) -> None:
    mine = world.owned(owner, "jobs.batch")
    running = sorted(uid(j) for j in mine if not is_finished(j))
    assert sorted(a["uid"] for a in (owner.get("status") or {}).get("active") or []) == running
    assert len([j for j in mine if condition_is(j, "Complete")]) <= owner["spec"]["successfulJobsHistoryLimit"]
    assert len([j for j in mine if condition_is(j, "Failed")]) <= owner["spec"]["failedJobsHistoryLimit"]


@examples(6)
@given(
    deeds(["a minute passes", "another minute passes", "delete a job"], without=["relabel a pod", "make a stray pod"])
)
def test_it_goes_on_every_minute(happened: list[Any]) -> None:
    """When all is well again, a Job is made each minute and each is finished."""
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "app:1"}]}}
    spec = {"schedule": "* * * * *", "concurrencyPolicy": "Replace", "jobTemplate": {"spec": {"template": template}}}
    with World(CronJobController, JobController, GarbageCollector, PodGarbageCollector) as world:
        world.client.create(CRON, {"metadata": {"name": "x"}, "spec": spec}, NAMESPACE)
        world.suffer(happened, OWN)
        world.end_faults()
        world.plane.settle(100, turns=3000)
        made = []
        for _ in range(3):
            world.plane.settle(60, turns=3000)
            made.append(world.get(CRON)["status"]["lastScheduleTime"])
            for pod in world.pods("Running"):
                world.kubelet.finish(pod)
        assert len(set(made)) == 3
