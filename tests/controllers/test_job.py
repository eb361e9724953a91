"""The Job controller on a cluster without processes."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.meta import Obj, Objects, annotations_of, condition, is_deleting, labels_of, name
from minikctl.client import DeleteOptions
from minikctl.controllers.garbage_collector import GarbageCollector
from minikctl.controllers.job import JobController
from minikctl.controllers.job.spec import INDEX, TRACKING
from tests.controllers.conftest import MakePlane
from tests.support.control_plane import ControlPlane

JOB = "jobs.batch"


@pytest.fixture
def plane(plane_of: MakePlane) -> ControlPlane:
    return plane_of(JobController)


def job(name_: str = "pi", **spec: Any) -> Obj:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "perl"}]}}
    if "restartPolicy" in spec:
        template["spec"]["restartPolicy"] = spec.pop("restartPolicy")
    return {"metadata": {"name": name_}, "spec": {"template": template} | spec}


def indexed(completions: int = 3, **spec: Any) -> Obj:
    return job(completionMode="Indexed", **({"completions": completions, "parallelism": completions} | spec))


def create(plane: ControlPlane, obj: Obj) -> Obj:
    made = plane.cluster.client.create(JOB, obj, "default")
    plane.settle()
    return made


def get(plane: ControlPlane, name_: str = "pi") -> Obj:
    return plane.cluster.client.get(JOB, name_, "default")


def patch(plane: ControlPlane, change: Obj) -> None:
    plane.cluster.client.patch(JOB, "pi", change, "default")
    plane.settle()


def pods(plane: ControlPlane) -> Objects:
    found: Objects = plane.cluster.client.list("pods", "default")["items"]
    return sorted(found, key=lambda p: (annotations_of(p).get(INDEX, ""), name(p)))


def active(plane: ControlPlane) -> Objects:
    return [p for p in pods(plane) if not is_deleting(p) and p["status"]["phase"] in ("Pending", "Running")]


def finish(plane: ControlPlane, pod: Obj, phase: str = "Succeeded", **status: Any) -> None:
    assert plane.kubelet
    done = plane.kubelet.finish(pod, phase)
    if status:
        plane.cluster.client.update("pods", {**done, "status": done["status"] | status}, subresource="status")
    plane.settle()


def finish_all(plane: ControlPlane, phase: str = "Succeeded") -> None:
    for pod in active(plane):
        finish(plane, pod, phase)


def exits(code: int) -> Objects:
    state = {"terminated": {"exitCode": code, "reason": "Error"}}
    return [{"name": "main", "state": state, "ready": False, "restartCount": 0, "image": "perl", "imageID": ""}]


def events(plane: ControlPlane) -> list[str]:
    listed = plane.cluster.client.list("events", "default")["items"]
    ordered = sorted(listed, key=lambda e: int(e["metadata"]["resourceVersion"]))
    return [f"{e['reason']}: {e['message']}" for e in ordered if e["involvedObject"]["kind"] == "Job"]


def ended(plane: ControlPlane, name_: str = "pi") -> str:
    """`Complete: reason`, `Failed: reason`, or "" while it runs."""
    for kind in ("Complete", "Failed"):
        found = condition(get(plane, name_), kind)
        if found is not None and found["status"] == "True":
            return f"{kind}: {found['reason']}"
    return ""


# ---------------------------------------------------------------------- success


def test_one_pod_that_succeeds(plane: ControlPlane) -> None:
    create(plane, job())
    (pod,) = pods(plane)
    assert pod["metadata"]["finalizers"] == [TRACKING] and pod["metadata"]["generateName"] == "pi-"
    assert labels_of(pod)["batch.kubernetes.io/job-name"] == "pi"
    status = get(plane)["status"]
    assert (status["active"], status["ready"], status["terminating"]) == (1, 1, 0) and status["startTime"]
    assert status["uncountedTerminatedPods"] == {}
    plane.assert_at_rest()
    finish(plane, pod)
    status = get(plane)["status"]
    assert status["succeeded"] == 1 and status["ready"] == 0 and "active" not in status
    assert [c["type"] for c in status["conditions"]] == ["SuccessCriteriaMet", "Complete"]
    assert {(c["reason"], c["message"]) for c in status["conditions"]} == {
        ("CompletionsReached", "Reached expected number of succeeded pods")
    }
    assert status["completionTime"] and not pods(plane)[0]["metadata"].get("finalizers")
    assert events(plane) == [f"SuccessfulCreate: Created pod: {name(pod)}", "Completed: Job completed"]
    plane.assert_at_rest()


def test_completions_in_turns_of_parallelism(plane: ControlPlane) -> None:
    create(plane, job(completions=5, parallelism=2))
    seen = []
    while not ended(plane):
        seen.append(len(active(plane)))
        finish(plane, active(plane)[0])
    assert seen == [2, 2, 2, 2, 1]
    assert get(plane)["status"]["succeeded"] == 5 == len(pods(plane))
    plane.assert_at_rest()


def test_a_work_queue_is_done_when_one_has_succeeded_and_the_others_have_ended(plane: ControlPlane) -> None:
    create(plane, job(parallelism=3))
    first, second, third = active(plane)
    finish(plane, first)
    assert not ended(plane) and len(active(plane)) == 2
    finish(plane, second, "Failed")
    assert not ended(plane) and len(active(plane)) == 1
    finish(plane, third)
    assert ended(plane) == "Complete: CompletionsReached"


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1), (2, 0), (0, 2)])
def test_parallelism_can_be_changed(plane: ControlPlane, before: int, after: int) -> None:
    create(plane, job(completions=10, parallelism=before))
    assert len(active(plane)) == before
    patch(plane, {"spec": {"parallelism": after}})
    assert len(active(plane)) == after
    status = get(plane)["status"]
    assert status.get("active", 0) == after and not status.get("failed")
    plane.assert_at_rest()


# ---------------------------------------------------------------------- failure


def test_failed_pods_are_replaced_after_a_growing_while(plane: ControlPlane) -> None:
    create(plane, job(backoffLimit=3))
    waited = []
    while not ended(plane):
        finish_all(plane, "Failed")
        start = plane.clock.monotonic()
        while not active(plane) and not ended(plane):
            plane.settle(1)
        waited.append(round(plane.clock.monotonic() - start))
    assert [w - w % 10 for w in waited] == [10, 20, 40, 0]
    assert ended(plane) == "Failed: BackoffLimitExceeded" and get(plane)["status"]["failed"] == 4
    failed = condition(get(plane), "Failed")
    assert failed and failed["message"] == "Job has reached the specified backoff limit"
    assert [c["type"] for c in get(plane)["status"]["conditions"]] == ["FailureTarget", "Failed"]
    assert events(plane)[-1] == "BackoffLimitExceeded: Job has reached the specified backoff limit"
    assert "completionTime" not in get(plane)["status"]
    plane.assert_at_rest()


def test_the_other_pods_end_when_the_limit_is_exceeded(plane: ControlPlane) -> None:
    create(plane, job(completions=3, parallelism=3, backoffLimit=0))
    finish(plane, active(plane)[0], "Failed")
    assert ended(plane) == "Failed: BackoffLimitExceeded"
    assert not active(plane) and get(plane)["status"]["failed"] == 3
    plane.assert_at_rest()


@pytest.mark.parametrize(("limit", "restarts", "over"), [(0, 1, True), (2, 1, False), (2, 2, True), (6, 5, False)])
def test_restarts_in_place_count_as_tries(plane: ControlPlane, limit: int, restarts: int, over: bool) -> None:
    create(plane, job(restartPolicy="OnFailure", backoffLimit=limit))
    (pod,) = pods(plane)
    status = {**pod["status"]["containerStatuses"][0], "restartCount": restarts}
    plane.cluster.client.update(
        "pods", {**pod, "status": {**pod["status"], "containerStatuses": [status]}}, subresource="status"
    )
    plane.settle()
    assert (ended(plane) == "Failed: BackoffLimitExceeded") is over


def test_the_deadline_ends_a_job(plane: ControlPlane) -> None:
    create(plane, job(activeDeadlineSeconds=30))
    plane.settle(28)
    assert not ended(plane)
    plane.settle(5)
    assert ended(plane) == "Failed: DeadlineExceeded" and not active(plane)
    assert events(plane)[-1] == "DeadlineExceeded: Job was active longer than specified deadline"
    plane.assert_at_rest()


def test_a_pod_deleted_by_hand_counts_as_failed_and_is_replaced(plane: ControlPlane) -> None:
    create(plane, job())
    (pod,) = pods(plane)
    plane.cluster.client.delete("pods", name(pod), "default")
    plane.settle(11)
    assert get(plane)["status"]["failed"] == 1 and len(active(plane)) == 1
    finish_all(plane)
    assert ended(plane) == "Complete: CompletionsReached"


@pytest.mark.parametrize(("policy", "replaced"), [("TerminatingOrFailed", True), ("Failed", False)])
def test_when_a_terminating_pod_is_replaced(plane: ControlPlane, policy: str, replaced: bool) -> None:
    create(plane, job(podReplacementPolicy=policy))
    plane.kubelet, kubelet = None, plane.kubelet
    plane.cluster.client.delete("pods", name(pods(plane)[0]), "default")
    plane.settle(15)
    status = get(plane)["status"]
    assert bool(active(plane)) is replaced and status["terminating"] == 1
    assert status.get("failed", 0) == (1 if replaced else 0)
    plane.assert_at_rest()
    plane.kubelet = kubelet
    plane.settle(15)
    assert get(plane)["status"]["terminating"] == 0


# ---------------------------------------------------------------------- suspension


def test_a_suspended_job_makes_no_pods_and_has_not_started(plane: ControlPlane) -> None:
    create(plane, job(suspend=True, activeDeadlineSeconds=5))
    status = get(plane)["status"]
    assert not pods(plane) and "startTime" not in status
    suspended = condition(get(plane), "Suspended")
    assert suspended and (suspended["status"], suspended["reason"]) == ("True", "JobSuspended")
    plane.settle(60)
    patch(plane, {"spec": {"suspend": False}})
    assert len(active(plane)) == 1 and get(plane)["status"]["startTime"] and not ended(plane)
    resumed = condition(get(plane), "Suspended")
    assert resumed and (resumed["status"], resumed["reason"]) == ("False", "JobResumed")
    assert "Suspended: Job suspended" in events(plane) and "Resumed: Job resumed" in events(plane)
    plane.assert_at_rest()


def test_suspending_takes_the_pods_without_counting_them(plane: ControlPlane) -> None:
    create(plane, job(completions=3, parallelism=3))
    finish(plane, active(plane)[0])
    patch(plane, {"spec": {"suspend": True}})
    status = get(plane)["status"]
    assert not active(plane) and status["succeeded"] == 1 and not status.get("failed")
    patch(plane, {"spec": {"suspend": False}})
    finish_all(plane)
    assert ended(plane) == "Complete: CompletionsReached" and get(plane)["status"]["succeeded"] == 3


# ---------------------------------------------------------------------- indexes


def test_indexed_pods_know_their_index(plane: ControlPlane) -> None:
    create(plane, indexed(3))
    for i, pod in enumerate(pods(plane)):
        assert annotations_of(pod)[INDEX] == labels_of(pod)[INDEX] == str(i)
        assert pod["spec"]["hostname"] == f"pi-{i}" and name(pod).startswith(f"pi-{i}-")
        (variable,) = pod["spec"]["containers"][0]["env"]
        assert variable["name"] == "JOB_COMPLETION_INDEX"
        assert variable["valueFrom"]["fieldRef"]["fieldPath"] == f"metadata.labels['{INDEX}']"


def test_each_index_is_done_once(plane: ControlPlane) -> None:
    create(plane, indexed(5, parallelism=2))
    seen = []
    while not ended(plane):
        finish(plane, active(plane)[0])
        seen.append(get(plane)["status"]["completedIndexes"])
    assert seen == ["0", "0,1", "0-2", "0-3", "0-4"] and get(plane)["status"]["succeeded"] == 5
    plane.assert_at_rest()


def test_a_failed_index_is_tried_again(plane: ControlPlane) -> None:
    create(plane, indexed(2))
    finish(plane, active(plane)[1], "Failed")
    plane.settle(12)
    assert [annotations_of(p)[INDEX] for p in active(plane)] == ["0", "1"]
    finish_all(plane)
    assert ended(plane) == "Complete: CompletionsReached" and get(plane)["status"]["failed"] == 1


def test_indexes_can_fail_each_for_itself(plane: ControlPlane) -> None:
    create(plane, indexed(3, backoffLimitPerIndex=1))
    assert annotations_of(pods(plane)[0])["batch.kubernetes.io/job-index-failure-count"] == "0"
    finish(plane, active(plane)[0])
    finish(plane, active(plane)[0], "Failed")
    plane.settle(12)
    again = next(p for p in active(plane) if annotations_of(p)[INDEX] == "1")
    assert annotations_of(again)["batch.kubernetes.io/job-index-failure-count"] == "1"
    finish(plane, again, "Failed")
    assert get(plane)["status"]["failedIndexes"] == "1" and not ended(plane)
    finish_all(plane)
    status = get(plane)["status"]
    assert ended(plane) == "Failed: FailedIndexes" and status["completedIndexes"] == "0,2"
    assert status["failed"] == 2 and status["succeeded"] == 2
    plane.assert_at_rest()


def test_too_many_failed_indexes(plane: ControlPlane) -> None:
    create(plane, indexed(4, backoffLimitPerIndex=0, maxFailedIndexes=1))
    finish(plane, active(plane)[0], "Failed")
    assert not ended(plane)
    finish(plane, active(plane)[0], "Failed")
    assert ended(plane) == "Failed: MaxFailedIndexesExceeded" and not active(plane)


@pytest.mark.parametrize(
    ("rule", "succeed", "met"),
    [
        ({"succeededCount": 1}, [2], True),
        ({"succeededIndexes": "0"}, [2], False),
        ({"succeededIndexes": "0"}, [0], True),
        ({"succeededIndexes": "0-1", "succeededCount": 1}, [1], True),
        ({"succeededIndexes": "0-1"}, [1], False),
    ],
)
def test_a_success_policy_ends_a_job_early(plane: ControlPlane, rule: Obj, succeed: list[int], met: bool) -> None:
    create(plane, indexed(3, successPolicy={"rules": [rule]}))
    for index in succeed:
        finish(plane, active(plane)[index])
    assert (ended(plane) == "Complete: SuccessPolicy") is met
    if met:
        found = condition(get(plane), "Complete")
        assert found and found["message"] == "Matched rules at index 0" and not active(plane)
        assert not get(plane)["status"].get("failed")
    plane.assert_at_rest()


# ---------------------------------------------------------------------- podFailurePolicy


def policy(action: str, **rule: Any) -> Obj:
    return {"rules": [{"action": action} | rule]}


ON_42 = {"onExitCodes": {"operator": "In", "values": [42]}}


def test_fail_job(plane: ControlPlane) -> None:
    create(plane, job(completions=2, parallelism=2, podFailurePolicy=policy("FailJob", **ON_42)))
    pod = active(plane)[0]
    finish(plane, pod, "Failed", containerStatuses=exits(42))
    assert ended(plane) == "Failed: PodFailurePolicy"
    found = condition(get(plane), "Failed")
    why = f"Container main for pod default/{name(pod)} failed with exit code 42 matching FailJob rule at index 0"
    assert found and found["message"] == why


def test_ignored_failures_do_not_count(plane: ControlPlane) -> None:
    create(plane, job(backoffLimit=0, podFailurePolicy=policy("Ignore", **ON_42)))
    for _ in range(3):
        finish(plane, active(plane)[0], "Failed", containerStatuses=exits(42))
        plane.settle(50)
    assert not ended(plane) and not get(plane)["status"].get("failed")
    finish(plane, active(plane)[0], "Failed", containerStatuses=exits(1))
    assert ended(plane) == "Failed: BackoffLimitExceeded"


def test_fail_index(plane: ControlPlane) -> None:
    create(plane, indexed(2, backoffLimitPerIndex=5, podFailurePolicy=policy("FailIndex", **ON_42)))
    finish(plane, active(plane)[0], "Failed", containerStatuses=exits(42))
    assert get(plane)["status"]["failedIndexes"] == "0"
    finish_all(plane)
    assert ended(plane) == "Failed: FailedIndexes"


# ---------------------------------------------------------------------- ownership and ends


def test_a_job_of_another_controller_is_left_alone(plane: ControlPlane) -> None:
    create(plane, job(managedBy="example.com/kueue"))
    assert not pods(plane) and not get(plane).get("status")


@pytest.mark.parametrize("propagation", ["Background", "Foreground", "Orphan"])
def test_no_pod_is_held_by_its_finalizer_when_the_job_is_deleted(plane_of: MakePlane, propagation: str) -> None:
    plane = plane_of(JobController, GarbageCollector)
    create(plane, job(completions=2, parallelism=2))
    finish(plane, active(plane)[0])
    plane.cluster.client.delete(JOB, "pi", "default", options=DeleteOptions(propagation=propagation))
    plane.settle(5)
    left = pods(plane)
    assert len(left) == (2 if propagation == "Orphan" else 0)
    assert not any(p["metadata"].get("finalizers") for p in left)


def test_a_restart_in_the_middle_of_counting_counts_once(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    create(plane, job(completions=3, parallelism=3))
    controller: Any = plane.controllers[0]
    real = controller._remove_finalizer
    monkeypatch.setattr(controller, "_remove_finalizer", lambda _pod: (_ for _ in ()).throw(RuntimeError("killed")))
    assert plane.kubelet
    plane.kubelet.finish(active(plane)[0])
    plane.hub.pump()
    with pytest.raises(RuntimeError):
        controller.sync("default/pi")
    assert len(get(plane)["status"]["uncountedTerminatedPods"]["succeeded"]) == 1
    monkeypatch.setattr(controller, "_remove_finalizer", real)
    controller.releasing.clear()
    controller.backoffs.clear()
    controller.queue.add("default/pi")
    plane.settle(1)
    status = get(plane)["status"]
    assert status["succeeded"] == 1 and status["uncountedTerminatedPods"] == {}
    finish_all(plane)
    assert get(plane)["status"]["succeeded"] == 3


def test_a_pod_that_vanishes_before_it_is_counted_is_kept_by_its_finalizer(plane: ControlPlane) -> None:
    create(plane, job())
    (pod,) = pods(plane)
    assert plane.kubelet
    plane.kubelet.finish(pod)
    plane.cluster.client.delete("pods", name(pod), "default", options=DeleteOptions(grace_period=0))
    plane.settle()
    assert ended(plane) == "Complete: CompletionsReached" and not pods(plane)


def test_orphans_are_adopted_with_a_finalizer(plane: ControlPlane) -> None:
    labels = {"run": "by-hand"}
    orphan = {
        "metadata": {"name": "mine", "labels": labels},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "perl"}]},
    }
    plane.cluster.client.create("pods", orphan, "default")
    obj = job(manualSelector=True, selector={"matchLabels": labels})
    obj["spec"]["template"]["metadata"] = {"labels": labels}
    create(plane, obj)
    (pod,) = pods(plane)
    assert name(pod) == "mine" and pod["metadata"]["finalizers"] == [TRACKING]
    finish(plane, pod)
    assert ended(plane) == "Complete: CompletionsReached"


def test_a_cache_of_jobs_that_is_behind_costs_no_pod_its_finalizer(plane: ControlPlane) -> None:
    create(plane, job())
    (pod,) = pods(plane)
    controller: Any = plane.controllers[0]
    controller.owners._objects.clear()
    controller.sync(f"orphan:default/{name(pod)}")
    assert pods(plane)[0]["metadata"]["finalizers"] == [TRACKING]


def test_pods_of_a_large_job_that_end_together_are_counted_together(plane: ControlPlane) -> None:
    create(plane, job(completions=40, parallelism=20))
    controller: Any = plane.controllers[0]
    real, statuses = controller.client.update, []

    def update(*args: Any, **more: Any) -> Obj:
        statuses.append(args[1]["status"])
        done: Obj = real(*args, **more)
        return done

    controller.client.update = update
    assert plane.kubelet
    for pod in active(plane):
        plane.kubelet.finish(pod)
        plane.hub.pump()
        controller.drain()
    plane.settle()
    assert get(plane)["status"]["succeeded"] == 20 and 0 < len(statuses) <= 4


def test_an_indexed_job_larger_than_one_batch(plane: ControlPlane) -> None:
    create(plane, indexed(30, parallelism=15))
    while not ended(plane):
        assert plane.kubelet
        for pod in active(plane):
            plane.kubelet.finish(pod)
        plane.settle()
    assert get(plane)["status"]["completedIndexes"] == "0-29" and get(plane)["status"]["succeeded"] == 30
    plane.assert_at_rest()
