"""Jobs that are deleted some time after they have ended."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.meta import Obj
from minikctl.controllers.garbage_collector import GarbageCollector
from minikctl.controllers.job import JobController
from minikctl.controllers.ttl_after_finished import TTLAfterFinishedController, expires_in
from tests.controllers.conftest import MakePlane
from tests.controllers.objects import NOW, ago


def ended(kind: str | None, seconds_ago: float, ttl: int | None, **metadata: Any) -> Obj:
    conditions = [{"type": kind, "status": "True", "lastTransitionTime": ago(seconds_ago)}] if kind else []
    spec = {} if ttl is None else {"ttlSecondsAfterFinished": ttl}
    return {"metadata": {"name": "pi"} | metadata, "spec": spec, "status": {"conditions": conditions}}


def conditions(*listed: tuple[str, str, float]) -> Obj:
    """A Job with ten seconds to live, and (type, status, seconds ago) for conditions."""
    made = [{"type": t, "status": s, "lastTransitionTime": ago(since)} for t, s, since in listed]
    return {"metadata": {"name": "pi"}, "spec": {"ttlSecondsAfterFinished": 10}, "status": {"conditions": made}}


CASES: dict[str, tuple[Obj, float | None]] = {
    "a Job that has not ended stays": (ended(None, 0, 10), None),
    "a Job that has not ended stays, even with no time to live": (ended(None, 0, 0), None),
    "a complete Job without a time to live stays for ever": (ended("Complete", 3, None), None),
    "a failed Job without a time to live stays for ever": (ended("Failed", 10**9, None), None),
    "a complete Job has what is left of its time": (ended("Complete", 3, 10), 7),
    "a failed Job has what is left of its time": (ended("Failed", 3, 10), 7),
    "the whole time is left at the moment of its end": (ended("Complete", 0, 10), 10),
    "its time is over to the second": (ended("Complete", 10, 10), 0),
    "its time has long been over": (ended("Failed", 30, 10), -20),
    "no time to live: it goes at once": (ended("Complete", 0, 0), 0),
    "no time to live, and failed: it goes at once": (ended("Failed", 0, 0), 0),
    "the time counts from the end, also when it is set later": (ended("Complete", 3600, 60), -3540),
    "a long time to live is a long time": (ended("Complete", 60, 86400), 86340),
    "a suspended Job has not ended": (ended("Suspended", 30, 10), None),
    "a Job that is about to fail has not ended": (ended("FailureTarget", 30, 10), None),
    "a Job that has met its success policy has not ended while pods run": (ended("SuccessCriteriaMet", 30, 10), None),
    "a Job that is being deleted needs no other deletion": (ended("Complete", 30, 10, deletionTimestamp=ago(1)), None),
    "a condition that is not true does not count": (conditions(("Complete", "False", 30)), None),
    "one whose truth is unknown does not count": (conditions(("Failed", "Unknown", 30)), None),
    "the condition that ended it counts, not those on the way":
        (conditions(("FailureTarget", "True", 50), ("Failed", "True", 5)), 5),
    "nor an earlier pause": (conditions(("Suspended", "False", 500), ("Complete", "True", 5)), 5),
    "a success policy that was met before the last pod ended":
        (conditions(("SuccessCriteriaMet", "True", 9), ("Complete", "True", 2)), 8),
    "a Job without a status has not ended":
        ({"metadata": {"name": "pi"}, "spec": {"ttlSecondsAfterFinished": 1}}, None),
    "a Job whose conditions are null has not ended":
        ({"metadata": {"name": "pi"}, "spec": {"ttlSecondsAfterFinished": 1}, "status": {"conditions": None}}, None),
}  # fmt: skip


@pytest.mark.parametrize("words", CASES)
def test_how_long_it_has_left(words: str) -> None:
    job, left = CASES[words]
    assert expires_in(job, NOW) == left


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_it_goes_with_its_pods_when_the_time_is_over(plane_of: MakePlane, phase: str) -> None:
    plane = plane_of(JobController, GarbageCollector, TTLAfterFinishedController)
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "perl"}]}}
    spec = {"template": template, "ttlSecondsAfterFinished": 30, "backoffLimit": 0}
    client = plane.cluster.client
    client.create("jobs.batch", {"metadata": {"name": "pi"}, "spec": spec}, "default")
    plane.settle()
    assert plane.kubelet
    plane.kubelet.finish(client.list("pods", "default")["items"][0], phase)
    plane.settle(20)
    assert client.list("jobs.batch", "default")["items"]
    plane.assert_at_rest()
    plane.settle(15)
    assert not client.list("jobs.batch", "default")["items"] and not client.list("pods", "default")["items"]


def test_a_longer_time_given_meanwhile_is_respected(plane_of: MakePlane) -> None:
    plane = plane_of(JobController, TTLAfterFinishedController)
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "perl"}]}}
    client = plane.cluster.client
    obj = {"metadata": {"name": "pi"}, "spec": {"template": template, "ttlSecondsAfterFinished": 5}}
    client.create("jobs.batch", obj, "default")
    plane.settle()
    assert plane.kubelet
    plane.kubelet.finish(client.list("pods", "default")["items"][0])
    plane.settle(1)
    client.patch("jobs.batch", "pi", {"spec": {"ttlSecondsAfterFinished": 500}}, "default")
    plane.settle(100)
    assert client.list("jobs.batch", "default")["items"]
