"""pods/eviction: what a PodDisruptionBudget refuses, lets through, and how it is counted down."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, condition
from minikctl.client import WriteOptions
from tests.support.cluster import TestCluster
from tests.support.fake_kubelet import running_status


def running(cluster: TestCluster, name: str, *, ready: bool = True, phase: str = "Running") -> Obj:
    spec = {"containers": [{"name": "main", "image": "nginx"}], "nodeName": "node-1"}
    made = cluster.client.create(
        "pods", {"metadata": {"name": name, "labels": {"app": "web"}}, "spec": spec}, "default"
    )
    status = running_status(made, "10.0.0.1", "2026-01-01T00:00:00Z", ready=ready, phase=phase)
    return cluster.client.update("pods", {**made, "status": status}, subresource="status")


def budget(cluster: TestCluster, allowed: int, name: str = "web", *, selector: Any = ..., **fields: Any) -> None:
    chosen = {"matchLabels": {"app": "web"}} if selector is ... else selector
    spec = {"minAvailable": 1, "selector": chosen, **fields.pop("spec", {})}
    made = cluster.client.create("poddisruptionbudgets", {"metadata": {"name": name}, "spec": spec}, "default")
    status = {
        "observedGeneration": 1,
        "disruptionsAllowed": allowed,
        "currentHealthy": 1 + allowed,
        "desiredHealthy": 1,
        "expectedPods": 2,
        "conditions": [],
        **fields,
    }
    cluster.client.update("poddisruptionbudgets", {**made, "status": status}, subresource="status")


def evict(cluster: TestCluster, name: str, *, dry_run: bool = False, **delete_options: Any) -> Obj:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "default"}}
    if delete_options:
        eviction["deleteOptions"] = delete_options
    return cluster.client.create(
        "pods", eviction, "default", name=name, subresource="eviction", options=WriteOptions(dry_run=dry_run)
    )


def state(cluster: TestCluster, name: str = "web") -> Obj:
    found: Obj = cluster.client.get("poddisruptionbudgets", name, "default")["status"]
    return found


def is_leaving(cluster: TestCluster, name: str) -> bool:
    found = [p for p in cluster.client.list("pods", "default")["items"] if p["metadata"]["name"] == name]
    return not found or "deletionTimestamp" in found[0]["metadata"]


def test_without_a_budget_the_pod_goes_and_says_why(cluster: TestCluster) -> None:
    running(cluster, "a")
    assert evict(cluster, "a", gracePeriodSeconds=7)["status"] == "Success"
    gone = cluster.client.get("pods", "a", "default")
    assert gone["metadata"]["deletionGracePeriodSeconds"] == 7
    target = condition(gone, "DisruptionTarget") or {}
    assert (target["status"], target["reason"], target["message"]) == (
        "True",
        "EvictionByEvictionAPI",
        "Eviction API: evicting",
    )


def test_a_budget_is_counted_down_before_the_pod_goes(cluster: TestCluster) -> None:
    for name in ("a", "b"):
        running(cluster, name)
    budget(cluster, 1)
    evict(cluster, "a")
    after = state(cluster)
    assert (after["disruptionsAllowed"], list(after["disruptedPods"])) == (0, ["a"])
    assert [(c["type"], c["status"], c["reason"]) for c in after["conditions"]] == [
        ("DisruptionAllowed", "False", "InsufficientPods")
    ]
    with pytest.raises(ApiError) as refused:
        evict(cluster, "b")
    assert refused.value.status == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "Cannot evict pod as it would violate the pod's disruption budget.",
        "reason": "TooManyRequests",
        "details": {
            "causes": [
                {
                    "reason": "DisruptionBudget",
                    "message": "The disruption budget web needs 1 healthy pods and has 2 currently",
                }
            ]
        },
        "code": 429,
    }
    assert not is_leaving(cluster, "b")


FAILED = {"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": "no scale", "lastTransitionTime": "2026-01-01T00:00:00Z"}  # fmt: skip


@pytest.mark.parametrize(
    ("allowed", "fields", "code", "cause"),
    [
        (5, {"observedGeneration": 0}, 429, "The disruption budget web is still being processed by the server."),
        (
            0,
            {"conditions": [FAILED]},
            429,
            "The disruption budget web does not allow evicting pods currently because it failed sync: no scale",
        ),
        (
            0,
            {"currentHealthy": 2, "desiredHealthy": 3},
            429,
            "The disruption budget web needs 3 healthy pods and has 2 currently",
        ),
    ],
)
def test_why_a_budget_refuses(cluster: TestCluster, allowed: int, fields: Obj, code: int, cause: str) -> None:
    running(cluster, "a")
    budget(cluster, allowed, **fields)
    with pytest.raises(ApiError) as refused:
        evict(cluster, "a")
    assert (refused.value.code, refused.value.details["causes"][0]["message"]) == (code, cause)
    assert refused.value.details.get("retryAfterSeconds") == (10 if allowed else None)


def test_two_budgets_are_too_many(cluster: TestCluster) -> None:
    running(cluster, "a")
    budget(cluster, 1)
    budget(cluster, 1, "also")
    with pytest.raises(ApiError, match="This pod has more than one PodDisruptionBudget") as refused:
        evict(cluster, "a")
    assert refused.value.code == 500


@pytest.mark.parametrize(("selector", "covers"), [({}, True), (None, False)])
def test_an_empty_selector_covers_all_and_none_nothing(cluster: TestCluster, selector: Any, covers: bool) -> None:
    running(cluster, "a")
    budget(cluster, 0, selector=selector)
    if covers:
        with pytest.raises(ApiError, match="Cannot evict pod"):
            evict(cluster, "a")
    else:
        evict(cluster, "a")
    assert is_leaving(cluster, "a") is not covers


@pytest.mark.parametrize(
    ("ready", "phase", "spec", "status", "goes"),
    [
        (True, "Succeeded", {}, {}, True),
        (False, "Pending", {}, {}, True),
        (False, "Running", {}, {}, False),
        (False, "Running", {"unhealthyPodEvictionPolicy": "AlwaysAllow"}, {}, True),
        (False, "Running", {"unhealthyPodEvictionPolicy": "IfHealthyBudget"}, {}, False),
        (False, "Running", {}, {"currentHealthy": 2, "desiredHealthy": 2}, True),
        (False, "Running", {}, {"currentHealthy": 0, "desiredHealthy": 0}, False),
        (True, "Running", {"unhealthyPodEvictionPolicy": "AlwaysAllow"}, {}, False),
    ],
)
def test_pods_that_are_not_healthy(
    cluster: TestCluster, ready: bool, phase: str, spec: Obj, status: Obj, goes: bool
) -> None:
    running(cluster, "a", ready=ready, phase=phase)
    budget(cluster, 0, spec=spec, **{"currentHealthy": 0, **status})
    if goes:
        evict(cluster, "a")
    else:
        with pytest.raises(ApiError, match="Cannot evict pod"):
            evict(cluster, "a")
    assert is_leaving(cluster, "a") is goes
    assert "disruptedPods" not in state(cluster)


def test_a_dry_run_asks_and_changes_nothing(cluster: TestCluster) -> None:
    running(cluster, "a")
    budget(cluster, 1)
    before = cluster.store.current_rv()
    evict(cluster, "a", dry_run=True)
    evict(cluster, "a", dryRun=["All"])
    assert cluster.store.current_rv() == before
    cluster.client.patch(
        "poddisruptionbudgets", "web", {"status": {"disruptionsAllowed": 0}}, "default", subresource="status"
    )
    with pytest.raises(ApiError, match="Cannot evict pod"):
        evict(cluster, "a", dry_run=True)


@pytest.mark.parametrize("conditions", [{"uid": "another"}, {"resourceVersion": "1"}])
def test_preconditions(cluster: TestCluster, conditions: Obj) -> None:
    running(cluster, "a")
    with pytest.raises(ApiError) as refused:
        evict(cluster, "a", preconditions=conditions)
    assert refused.value.reason == "Conflict"
    assert not is_leaving(cluster, "a")


def test_preconditions_that_hold(cluster: TestCluster) -> None:
    meta = running(cluster, "a")["metadata"]
    evict(cluster, "a", preconditions={"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]})
    assert is_leaving(cluster, "a")


@pytest.mark.parametrize(
    ("eviction", "reason"),
    [
        ({"metadata": {"name": "b"}}, "BadRequest"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}, "BadRequest"),
        ({"metadata": {"name": "a"}, "deleteOptions": {"gracePeriodSeconds": "x"}}, "BadRequest"),
    ],
)
def test_what_is_no_eviction(cluster: TestCluster, eviction: Obj, reason: str) -> None:
    running(cluster, "a")
    with pytest.raises(ApiError) as refused:
        cluster.client.create("pods", eviction, "default", name="a", subresource="eviction")
    assert refused.value.reason == reason


def test_a_missing_pod(cluster: TestCluster) -> None:
    with pytest.raises(ApiError, match='pods "a" not found'):
        evict(cluster, "a")


def test_many_at_once_do_not_overdraw_a_budget(cluster: TestCluster) -> None:
    for i in range(8):
        running(cluster, f"p{i}")
    budget(cluster, 3)

    def attempt(i: int) -> bool:
        try:
            evict(cluster, f"p{i}")
        except ApiError as e:
            assert e.reason == "TooManyRequests"
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 3
    assert state(cluster)["disruptionsAllowed"] == 0
    assert len(state(cluster)["disruptedPods"]) == 3
