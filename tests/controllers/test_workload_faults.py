"""Whatever happens to a workload, it comes to what its spec asks for in the end, and then nothing is written any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from minikctl.api.meta import Obj, annotations_of, controller_of, is_deleting, labels_of, name
from minikctl.controllers.cron_job import CronJobController, jobs
from minikctl.controllers.daemon_set import DaemonSetController
from minikctl.controllers.garbage_collector import GarbageCollector
from minikctl.controllers.job import JobController
from minikctl.controllers.job.spec import INDEX, TRACKING
from minikctl.controllers.replication_controller import ReplicationControllerController
from minikctl.controllers.stateful_set import StatefulSetController
from minikctl.util.clock import FakeClock
from tests.controllers.faults import Trouble
from tests.support.cluster import TestCluster

SEEDS = range(4)
STEPS = 40
Start = Callable[..., Trouble]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    made: list[TestCluster] = []

    def begin(seed: int, *classes: Any) -> Trouble:
        made.append(TestCluster(tmp_path / "state", clock=FakeClock()))
        return Trouble(made[0], classes, seed)

    yield begin
    for cluster in made:
        cluster.close()


def workload(kind: str, **spec: Any) -> Obj:
    template = {
        "metadata": {"labels": {"app": "x"}},
        "spec": {"containers": [{"name": "main", "image": "app:1"}]},
    }
    selector: Obj = {"app": "x"} if kind == "rc" else {"matchLabels": {"app": "x"}}
    return {"metadata": {"name": "x"}, "spec": {"selector": selector, "template": template} | spec}


def changes(trouble: Trouble, kind: str, *, scale: bool = True, images: bool = True) -> list[Callable[[], None]]:
    """What its owner does meanwhile."""

    def patch(change: Obj) -> None:
        trouble.cluster.client.patch(kind, "x", change, "default")

    def set_image() -> None:
        containers = [{"name": "main", "image": f"app:{trouble.rng.randrange(1, 4)}"}]
        patch({"spec": {"template": {"spec": {"containers": containers}}}})

    def set_size() -> None:
        patch({"spec": {"replicas": trouble.rng.randrange(5)}})

    return [set_image] * images + [set_size] * scale


@pytest.mark.parametrize("seed", SEEDS)
def test_replication_controller(start: Start, seed: int) -> None:
    trouble = start(seed, ReplicationControllerController, GarbageCollector)
    kind = "replicationcontrollers"
    trouble.cluster.client.create(kind, workload("rc", replicas=3), "default")
    for _ in range(STEPS):
        trouble.happen(*changes(trouble, kind, images=False))
    trouble.peace()
    owner = trouble.cluster.client.get(kind, "x", "default")
    assert len(trouble.pods("Running")) == owner["spec"]["replicas"] == owner["status"].get("readyReplicas", 0)
    assert not trouble.pods("Pending")
    trouble.plane.assert_at_rest()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("policy", ["OrderedReady", "Parallel"])
def test_stateful_set(start: Start, seed: int, policy: str) -> None:
    trouble = start(seed, StatefulSetController, GarbageCollector)
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1 + seed % 3}}
    spec = {"replicas": 3, "serviceName": "x", "podManagementPolicy": policy, "updateStrategy": strategy}
    trouble.cluster.client.create("statefulsets.apps", workload("sts", **spec), "default")
    for _ in range(STEPS):
        trouble.happen(*changes(trouble, "statefulsets.apps"))
    trouble.peace()
    owner = trouble.cluster.client.get("statefulsets.apps", "x", "default")
    wanted, status = owner["spec"]["replicas"], owner["status"]
    assert sorted(name(p) for p in trouble.pods()) == [f"x-{i}" for i in range(wanted)]
    assert all(labels_of(p)["controller-revision-hash"] == status["updateRevision"] for p in trouble.pods())
    assert status["currentRevision"] == status["updateRevision"] and status.get("readyReplicas", 0) == wanted
    assert status.get("updatedReplicas", 0) == status["replicas"] == status["availableReplicas"] == wanted
    trouble.plane.assert_at_rest()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("limits", [{"maxUnavailable": 1}, {"maxSurge": 1, "maxUnavailable": 0}])
def test_daemon_set(start: Start, seed: int, limits: Obj) -> None:
    trouble = start(seed, DaemonSetController, GarbageCollector)
    strategy = {"type": "RollingUpdate", "rollingUpdate": limits}
    trouble.cluster.client.create("daemonsets.apps", workload("ds", updateStrategy=strategy), "default")

    def mark_node() -> None:
        taints = [{"key": "k", "effect": trouble.rng.choice(["NoSchedule", "NoExecute"])}]
        node = trouble.rng.choice(trouble.kubelet.nodes)
        trouble.cluster.client.patch(
            "nodes", node, {"spec": {"taints": taints if trouble.rng.random() < 0.5 else None}}
        )

    for _ in range(STEPS):
        trouble.happen(mark_node, *changes(trouble, "daemonsets.apps", scale=False))
    trouble.peace(3000)
    owner = trouble.cluster.client.get("daemonsets.apps", "x", "default")
    taints = {name(n): n["spec"].get("taints") or [] for n in trouble.cluster.client.list("nodes")["items"]}
    must = {n for n, t in taints.items() if not t}
    may = must | {n for n, t in taints.items() if t and t[0]["effect"] == "NoSchedule"}
    places = [p["spec"]["nodeName"] for p in trouble.pods("Running")]
    assert must <= set(places) <= may and len(places) == len(set(places)) == len(trouble.pods())
    image = owner["spec"]["template"]["spec"]["containers"][0]["image"]
    assert {p["spec"]["containers"][0]["image"] for p in trouble.pods() if p["spec"]["nodeName"] in must} <= {image}
    assert owner["status"].get("numberAvailable", 0) == owner["status"]["desiredNumberScheduled"] == len(must)
    trouble.plane.assert_at_rest()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mode", ["NonIndexed", "Indexed"])
def test_job(start: Start, seed: int, mode: str) -> None:
    trouble = start(seed, JobController, GarbageCollector)
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "app:1"}]}}
    spec = {"completions": 6, "parallelism": 3, "backoffLimit": 10_000, "completionMode": mode, "template": template}
    trouble.cluster.client.create("jobs.batch", {"metadata": {"name": "x"}, "spec": spec}, "default")

    def set_parallelism() -> None:
        change = {"spec": {"parallelism": trouble.rng.randrange(1, 5), "suspend": trouble.rng.random() < 0.2}}
        trouble.cluster.client.patch("jobs.batch", "x", change, "default")

    for _ in range(STEPS):
        trouble.happen(trouble.succeed, set_parallelism)
    trouble.cluster.client.patch("jobs.batch", "x", {"spec": {"suspend": False}}, "default")
    trouble.peace()
    for _ in range(20):
        trouble.succeed()
        trouble.plane.settle(700)
    job = trouble.cluster.client.get("jobs.batch", "x", "default")
    assert jobs.finished(job) == "Complete" and job["status"]["uncountedTerminatedPods"] == {}
    assert not job["status"].get("active") and not job["status"]["terminating"]
    if mode == "Indexed":
        assert job["status"]["completedIndexes"] == "0-5" and job["status"]["succeeded"] == 6
    else:
        assert (
            6 <= job["status"]["succeeded"] <= len(trouble.succeeded)
        )  # one that is suspended may just have succeeded
    assert not any(TRACKING in (p["metadata"].get("finalizers") or []) for p in trouble.pods())
    trouble.plane.assert_at_rest()


@pytest.mark.parametrize("seed", SEEDS)
def test_indexes_that_fail_each_for_itself(start: Start, seed: int) -> None:
    trouble = start(seed, JobController, GarbageCollector)
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "app:1"}]}}
    spec = {"completions": 5, "parallelism": 5, "backoffLimitPerIndex": 1, "completionMode": "Indexed"}
    obj = {"metadata": {"name": "x"}, "spec": spec | {"template": template}}
    trouble.cluster.client.create("jobs.batch", obj, "default")
    for _ in range(STEPS):
        trouble.happen(trouble.succeed)
        alive = [annotations_of(p)[INDEX] for p in trouble.pods("Pending", "Running") if not is_deleting(p)]
        assert len(alive) - len(set(alive)) <= 1  # an answer was lost, at worst
    trouble.peace()
    for _ in range(10):
        trouble.succeed()
        trouble.plane.settle(700)
    status = trouble.cluster.client.get("jobs.batch", "x", "default")["status"]
    ended = jobs.finished({"status": status})
    assert ended == ("Failed" if status.get("failedIndexes") else "Complete")
    assert not any(TRACKING in (p["metadata"].get("finalizers") or []) for p in trouble.pods())
    trouble.plane.assert_at_rest()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("policy", ["Allow", "Replace"])
def test_cron_job(start: Start, seed: int, policy: str) -> None:
    trouble = start(seed, CronJobController, JobController, GarbageCollector)
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "app:1"}]}}
    spec = {
        "schedule": "* * * * *",
        "concurrencyPolicy": policy,
        "jobTemplate": {"spec": {"template": template, "backoffLimit": 2}},
    }
    client = trouble.cluster.client
    client.create("cronjobs.batch", {"metadata": {"name": "x"}, "spec": spec}, "default")
    for _ in range(STEPS):
        trouble.happen(trouble.succeed, lambda: trouble.plane.clock.advance(40))
    client.patch("cronjobs.batch", "x", {"spec": {"suspend": True}}, "default")
    trouble.peace(100)
    owner = client.get("cronjobs.batch", "x", "default")
    mine = [j for j in client.list("jobs.batch", "default")["items"] if controller_of(j)]
    running = sorted(name(j) for j in mine if not jobs.finished(j))
    assert sorted(a["name"] for a in (owner.get("status") or {}).get("active") or []) == running
    assert len([j for j in mine if jobs.finished(j) == "Complete"]) <= 3
    assert len([j for j in mine if jobs.finished(j) == "Failed"]) <= 1
    assert len(running) <= 1 or policy == "Allow"
    trouble.plane.assert_at_rest()
