"""Jobs: they end as their pods did, each pod is counted once, and none is held by its finalizer for ever."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from minikctl.api.meta import Obj, annotations_of, condition_is, is_deleting, name, uid
from minikctl.controllers.common import pods as pod_state
from minikctl.controllers.garbage_collector import GarbageCollector
from minikctl.controllers.job import JobController, indexes
from minikctl.controllers.job.spec import INDEX, TRACKING
from minikctl.controllers.pod_gc import PodGarbageCollector
from minikctl.controllers.ttl_after_finished import TTLAfterFinishedController
from tests.simulation.strategies import deeds, examples
from tests.simulation.world import NAMESPACE, Act, Deed, World

JOBS = "jobs.batch"
WITHOUT = ("relabel a pod", "make a stray pod")

OWN: dict[str, Act] = {
    "change parallelism": lambda w, a, _b: w.patch(JOBS, {"spec": {"parallelism": a % 4 + 1}}),
    "suspend or resume": lambda w, a, _b: w.patch(JOBS, {"spec": {"suspend": a % 3 == 0}}),
}


class Ledger:
    """Which pods have ended how, by uid; and what the Job's status said last."""

    def __init__(self) -> None:
        self.succeeded: set[str] = set()
        self.lost: set[str] = set()
        self.last = (0, 0)
        self.indexes: frozenset[int] = frozenset()

    def look(self, world: World) -> None:
        """Of the pods, everything that may ever be counted as an end."""
        for pod in world.list("pods"):
            if pod_state.phase(pod) == "Succeeded":
                self.succeeded.add(uid(pod))
            if pod_state.phase(pod) == "Failed" or is_deleting(pod):
                self.lost.add(uid(pod))

    def adopt(self, world: World, pod_name: str) -> None:
        """A pod that somebody took from the Job and that has ended counts once more when the Job takes it back."""
        pod = next((p for p in world.list("pods") if name(p) == pod_name), None)
        if pod is None or pod["metadata"].get("ownerReferences"):
            return
        again = f"{uid(pod)} taken back at {pod['metadata']['resourceVersion']}"
        if pod_state.phase(pod) == "Succeeded":
            self.succeeded.add(again)
        if pod_state.phase(pod) == "Failed":
            self.lost.add(again)

    def check(self, world: World, controller: str, verb: str, args: tuple[Any, ...], more: dict[str, Any]) -> None:
        """Before each write of a Job's status."""
        self.look(world)
        if controller == "job-controller" and verb == "patch" and "ownerReferences" in args[2]["metadata"]:
            self.adopt(world, args[1])
        if controller != "job-controller" or verb != "update" or more.get("subresource") != "status":
            return
        status = args[1]["status"]
        if any(c["type"] == "FailureTarget" for c in status.get("conditions") or []):
            self.lost |= {uid(p) for p in world.list("pods")}  # when a Job fails, what still runs fails with it
        waiting = status.get("uncountedTerminatedPods") or {}
        succeeded = (status.get("succeeded") or 0) + len(waiting.get("succeeded") or [])
        failed = (status.get("failed") or 0) + len(waiting.get("failed") or [])
        if args[1]["spec"].get("completionMode") != "Indexed":
            assert succeeded <= len(self.succeeded), f"{succeeded} counted, {len(self.succeeded)} have succeeded"
        assert failed <= len(self.lost | self.succeeded), f"{failed} counted as failed, {len(self.lost)} were lost"
        done = indexes.parse(status.get("completedIndexes") or "", 1000)
        if args[1]["metadata"]["resourceVersion"] == world.get(JOBS)["metadata"]["resourceVersion"]:
            assert self.indexes <= done
            self.indexes = done


def makes_no_more_than_asked(world: World, controller: str, verb: str, args: tuple[Any, ...], _more: Any) -> None:
    """While nothing was lost on the way: never more active pods than parallelism, never two of one index."""
    if controller != "job-controller" or verb != "create" or args[0] != "pods" or not world.lossless:
        return
    job, made = world.get(JOBS), args[1]
    active = pod_state.active(world.owned(job))
    assert len(active) < job["spec"]["parallelism"], f"{len(active)} pods, and one more is made"
    index = annotations_of(made).get(INDEX)
    if index is not None:
        assert index not in {annotations_of(p).get(INDEX) for p in active}


SHAPES: list[Obj] = [
    {"completions": 4, "parallelism": 2},
    {"parallelism": 2},
    {"completions": 3, "parallelism": 3, "completionMode": "Indexed"},
    {"completions": 4, "parallelism": 2, "completionMode": "Indexed", "backoffLimitPerIndex": 1},
    {"completions": 4, "parallelism": 4, "completionMode": "Indexed", "backoffLimitPerIndex": 0, "maxFailedIndexes": 1},
    {"completions": 4, "parallelism": 3, "completionMode": "Indexed",
     "successPolicy": {"rules": [{"succeededIndexes": "0,2", "succeededCount": 1}]}},
    {"completions": 3, "parallelism": 2, "activeDeadlineSeconds": 300},
    {"completions": 3, "parallelism": 2,
     "podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]}},
]  # fmt: skip


TAKEN_BACK = [Deed("turn", 0, 0), Deed("turn", 0, 0), Deed("a pod fails", 0, 0), Deed("turn", 0, 0),
              Deed("orphan a pod", 0, 0), Deed("controllers restart", 0, 0)]  # fmt: skip


@examples(20)
@example(SHAPES[0], 0, "TerminatingOrFailed", TAKEN_BACK)
@given(
    st.sampled_from(SHAPES),
    st.sampled_from([0, 2, 1000]),
    st.sampled_from(["TerminatingOrFailed", "Failed"]),
    deeds(OWN, without=WITHOUT),
)
def test_it_ends_and_counts_each_pod_once(shape: Obj, backoff: int, replace: str, happened: list[Any]) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "app:1"}]}}
    spec = {"backoffLimit": backoff, "template": template, "podReplacementPolicy": replace} | shape
    if "podFailurePolicy" in shape:
        spec["podReplacementPolicy"] = "Failed"
    ledger = Ledger()
    classes = (JobController, GarbageCollector, PodGarbageCollector)
    with World(*classes, checks=[ledger.check, makes_no_more_than_asked]) as world:
        world.client.create(JOBS, {"metadata": {"name": "x"}, "spec": spec}, NAMESPACE)
        world.suffer(happened, OWN)
        world.patch(JOBS, {"spec": {"suspend": False}})
        finish(world)
        check(world, ledger, world.get(JOBS))
        world.assert_at_rest()


def finish(world: World) -> None:
    """From now on every pod does its work."""
    world.recover()
    for _ in range(30):
        running = world.pods("Running")
        if not running:
            break
        for pod in running:
            world.kubelet.finish(pod)
        world.plane.settle(700)


def check(world: World, ledger: Ledger, job: Obj) -> None:
    status, pods = job["status"], world.owned(job)
    complete, failed = condition_is(job, "Complete"), condition_is(job, "Failed")
    assert complete != failed, status
    assert not status.get("active") and not status.get("terminating") and not status.get("ready")
    assert not status.get("uncountedTerminatedPods")
    assert not pod_state.active(pods) and not any(TRACKING in (p["metadata"].get("finalizers") or []) for p in pods)
    assert condition_is(job, "SuccessCriteriaMet") == complete and condition_is(job, "FailureTarget") == failed
    spec = job["spec"]
    if not complete:
        return
    assert status["completionTime"]
    if spec.get("completions") is not None and "successPolicy" not in spec:
        assert status["succeeded"] >= spec["completions"]
    if spec["completionMode"] == "Indexed" and "successPolicy" not in spec:
        assert status["completedIndexes"] == f"0-{spec['completions'] - 1}"


@examples(6)
@given(st.integers(0, 100), st.sampled_from(SHAPES[:4]), deeds(OWN, without=WITHOUT))
def test_some_time_after_its_end_it_is_gone_with_its_pods(ttl: int, shape: Obj, happened: list[Any]) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "app:1"}]}}
    spec = {"template": template, "ttlSecondsAfterFinished": ttl} | shape
    with World(JobController, GarbageCollector, PodGarbageCollector, TTLAfterFinishedController) as world:
        world.client.create(JOBS, {"metadata": {"name": "x"}, "spec": spec}, NAMESPACE)
        world.suffer(happened, OWN)
        if world.list(JOBS):
            world.patch(JOBS, {"spec": {"suspend": False}})
        finish(world)
        assert not world.list(JOBS)
        assert not [name(p) for p in world.list("pods") if p["metadata"].get("ownerReferences")]
        assert not [name(p) for p in world.list("pods") if p["metadata"].get("finalizers")]
        world.assert_at_rest()
