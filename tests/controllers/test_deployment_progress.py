"""A Deployment's status, as a function: counts and conditions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from minikctl.api.meta import Obj, find_condition
from minikctl.controllers.deployment import (
    progress,
)
from tests.controllers.objects import NOW, ago, deployment
from tests.controllers.objects import stored_replica_set as rs


def _with_progress(reason: str, status: str = "True", updated: float = 0, **numbers: int) -> Obj:
    d = deployment(replicas=3)
    d["metadata"]["generation"] = 1
    moved = {"type": "Progressing", "status": status, "reason": reason, "lastTransitionTime": ago(900)}
    d["status"] = {"conditions": [moved | {"lastUpdateTime": ago(updated)}], **numbers}
    return d


def _progressing(d: Obj, new: Obj | None, every: list[Obj]) -> tuple[str, str, str]:
    status = progress.status_of_rollout(d, new, every, NOW)
    found = find_condition(status["conditions"], "Progressing")
    return (found["status"], found["reason"], found.get("message", "")) if found else ("", "", "")


def test_counts() -> None:
    d = deployment(replicas=3) | {"status": {"collisionCount": 2}}
    d["metadata"]["generation"] = 4
    new, old = rs("new", 2, available=1), rs("old", 2)
    new["status"] |= {"terminatingReplicas": 1, "readyReplicas": 2}
    old["status"] |= {"terminatingReplicas": 0, "readyReplicas": 2}
    assert progress.counts(d, new, [new, old]) == {
        "observedGeneration": 4,
        "replicas": 4,
        "updatedReplicas": 2,
        "readyReplicas": 4,
        "availableReplicas": 3,
        "unavailableReplicas": 1,
        "terminatingReplicas": 1,
        "conditions": [],
        "collisionCount": 2,
    }
    del old["status"]["terminatingReplicas"]
    assert "terminatingReplicas" not in progress.counts(d, new, [new, old])


@pytest.mark.parametrize(("available", "expected"), [(3, "True"), (2, "False")])
def test_availability(available: int, expected: str) -> None:
    d, only = deployment(replicas=3), rs("new", 3, available=available)
    status = progress.status_of_counts(d, only, [only], NOW)
    assert find_condition(status["conditions"], "Available") == {
        "type": "Available",
        "status": expected,
        "lastUpdateTime": ago(0),
        "lastTransitionTime": ago(0),
        "reason": "MinimumReplicasAvailable" if expected == "True" else "MinimumReplicasUnavailable",
        "message": f"Deployment {'has' if expected == 'True' else 'does not have'} minimum availability.",
    }


def test_complete() -> None:
    only = rs("new", 3)
    d = _with_progress("ReplicaSetUpdated", replicas=3, updatedReplicas=3, availableReplicas=2)
    expected = ("True", "NewReplicaSetAvailable", 'ReplicaSet "new" has successfully progressed.')
    assert _progressing(d, only, [only]) == expected


def test_progressing_again_moves_only_the_time_of_the_last_update() -> None:
    d = _with_progress("ReplicaSetUpdated", updated=300, replicas=3, updatedReplicas=1, availableReplicas=1)
    new, old = rs("new", 2), rs("old", 1)
    status = progress.status_of_rollout(d, new, [new, old], NOW)
    found = find_condition(status["conditions"], "Progressing")
    assert found and found["lastUpdateTime"] == ago(0) and found["lastTransitionTime"] == ago(900)
    assert found["message"] == 'ReplicaSet "new" is progressing.'


@pytest.mark.parametrize(
    ("reason", "updated", "deadline", "expected"),
    [
        ("ReplicaSetUpdated", 601, 600, "ProgressDeadlineExceeded"),
        ("ReplicaSetUpdated", 600, 600, "ReplicaSetUpdated"),
        ("NewReplicaSetCreated", 601, 600, "ProgressDeadlineExceeded"),
        ("DeploymentResumed", 601, 600, "ProgressDeadlineExceeded"),
        ("ReplicaSetUpdated", 5, 1, "ProgressDeadlineExceeded"),
        ("ProgressDeadlineExceeded", 5, 600, "ProgressDeadlineExceeded"),
        ("ReplicaSetUpdated", 99999, 2**31 - 1, ""),
    ],
)
def test_deadline(reason: str, updated: float, deadline: int, expected: str) -> None:
    d = _with_progress(reason, updated=updated, replicas=3, updatedReplicas=1, availableReplicas=2)
    d["spec"]["progressDeadlineSeconds"] = deadline
    new, old = rs("new", 1, available=0), rs("old", 2)
    assert _progressing(d, new, [new, old])[1] == expected


def test_progress_after_the_deadline_counts() -> None:
    d = _with_progress("ProgressDeadlineExceeded", "False", updated=999, replicas=3, updatedReplicas=1)
    new, old = rs("new", 2), rs("old", 1)
    status = progress.status_of_rollout(d, new, [new, old], NOW)
    found = find_condition(status["conditions"], "Progressing")
    assert found and (found["status"], found["reason"]) == ("True", "ReplicaSetUpdated")
    assert found["lastTransitionTime"] == ago(0)


def test_a_finished_rollout_makes_no_progress_any_more() -> None:
    d = _with_progress("NewReplicaSetAvailable", updated=9999, replicas=3, updatedReplicas=3, availableReplicas=3)
    broken = rs("new", 3, available=0)
    assert _progressing(d, broken, [broken])[1] == "NewReplicaSetAvailable"


def test_a_replica_sets_failure_is_the_deployments() -> None:
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "lastTransitionTime": ago(9)}
    new, old = rs("new", 1), rs("old", 1)
    old["status"]["conditions"] = [failure | {"message": "old"}]
    status = progress.status_of_rollout(deployment(), new, [old, new], NOW)
    found = find_condition(status["conditions"], "ReplicaFailure")
    assert found and found["message"] == "old" and found["lastUpdateTime"] == ago(9)
    new["status"]["conditions"] = [failure | {"message": "new"}]
    status = progress.status_of_rollout(deployment(), new, [old, new], NOW)
    found = find_condition(status["conditions"], "ReplicaFailure")
    assert found and found["message"] == "new"
    healed = deployment() | {"status": status}
    status = progress.status_of_rollout(healed, rs("new", 1), [rs("new", 1)], NOW)
    assert find_condition(status["conditions"], "ReplicaFailure") is None


@pytest.mark.parametrize(
    ("paused", "before", "expected"),
    [
        (True, "ReplicaSetUpdated", "DeploymentPaused"),
        (True, "NewReplicaSetAvailable", "DeploymentPaused"),
        (True, "DeploymentPaused", "DeploymentPaused"),
        (True, "ProgressDeadlineExceeded", "ProgressDeadlineExceeded"),
        (False, "DeploymentPaused", "DeploymentResumed"),
        (False, "ReplicaSetUpdated", "ReplicaSetUpdated"),
        (False, "ProgressDeadlineExceeded", "ProgressDeadlineExceeded"),
    ],
)
def test_pause(paused: bool, before: str, expected: str) -> None:
    d = _with_progress(before)
    d["spec"]["paused"] = paused
    found = find_condition(progress.with_pause(d, NOW), "Progressing")
    assert found and found["reason"] == expected
    if expected != before:
        assert found["status"] == "Unknown"


def test_when_to_look_again() -> None:
    d = _with_progress("ReplicaSetUpdated", updated=100)
    assert progress.seconds_until_stuck(d, d["status"], NOW) == 501
    assert progress.seconds_until_stuck(d, d["status"], NOW + timedelta(hours=1)) == 1
    done: dict[str, Any] = {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, "observedGeneration": 1}
    assert progress.seconds_until_stuck(d, d["status"] | done, NOW) is None
    for reason in ("ProgressDeadlineExceeded", "NewReplicaSetAvailable"):
        over = _with_progress(reason, updated=9999, replicas=3, updatedReplicas=3, availableReplicas=1)
        assert progress.seconds_until_stuck(over, over["status"], NOW) is None
