"""A ReplicaSet's status, as a function of its pods."""

from __future__ import annotations

import pytest

from minikctl.controllers.replica_set.status import calculate, next_check
from tests.controllers.objects import NOW, ago, pod, stored_replica_set


@pytest.mark.parametrize(("size", "present", "reason"), [(3, 1, "FailedCreate"), (1, 3, "FailedDelete"), (1, 1, None)])
def test_failure_condition(size: int, present: int, reason: str | None) -> None:
    active = [pod(f"p{i}") for i in range(present)]
    status = calculate(stored_replica_set("web", size), active, 0, "no luck", NOW)
    assert status["conditions"][0].get("reason") == reason and status["conditions"][0]["message"] == "no luck"


def test_the_first_failure_stays_until_all_is_well() -> None:
    owner = stored_replica_set("web", 3)
    owner["status"] = calculate(owner, [], 0, "first", NOW)
    assert calculate(owner, [], 0, "second", NOW)["conditions"][0]["message"] == "first"
    assert "conditions" not in calculate(owner, [], 0, "", NOW)


def test_next_check_is_when_the_first_pod_becomes_available() -> None:
    owner = stored_replica_set("web", 3)
    owner["spec"]["minReadySeconds"] = 60
    active = [pod("a", ready=100), pod("b", ready=50), pod("c", ready=20), pod("d", ready=None)]
    assert next_check(owner, active, NOW) == 10
    assert calculate(owner, active, None, "", NOW)["availableReplicas"] == 1
    assert "terminatingReplicas" not in calculate(owner, active, None, "", NOW)


def test_a_pod_ready_since_nobody_knows_when_is_not_available_yet() -> None:
    owner = stored_replica_set("web", 1)
    owner["spec"]["minReadySeconds"] = 1
    unknown = pod("a")
    unknown["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    assert "availableReplicas" not in calculate(owner, [unknown], 0, "", NOW)
    assert calculate(owner, [pod("b", ready=1)], 0, "", NOW)["availableReplicas"] == 1
    assert ago(0) == "2026-01-01T00:00:00Z"
