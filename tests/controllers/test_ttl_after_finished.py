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


@pytest.mark.parametrize(
    ("job", "left"),
    [
        (ended(None, 0, 10), None),
        (ended("Complete", 3, None), None),
        (ended("Complete", 3, 10), 7),
        (ended("Complete", 10, 10), 0),
        (ended("Failed", 30, 10), -20),
        (ended("Suspended", 30, 10), None),
        (ended("FailureTarget", 30, 10), None),
        (ended("Complete", 0, 0), 0),
        (ended("Complete", 30, 10, deletionTimestamp=ago(1)), None),
    ],
)
def test_how_long_it_has_left(job: Obj, left: float | None) -> None:
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
