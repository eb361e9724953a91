"""Leader election: one of several candidates leads, by one Lease."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minikctl.api.errors import ApiError
from minikctl.client.leader_election import LeaderElector, Timing
from minikctl.client.local import LocalClient
from minikctl.util.clock import FakeClock
from tests.support.cluster import TestCluster

FAST = Timing(lease_duration=15, renew_deadline=10, retry_period=2)


class Case:
    def __init__(self, root: Path):
        self.clock = FakeClock()
        self.cluster = TestCluster(root, clock=self.clock)

    def candidate(self, identity: str) -> LeaderElector:
        client = self.cluster.client.for_actor("kube-scheduler")
        return LeaderElector(client, "kube-scheduler", identity, FAST, clock=self.clock, rng=random.Random(3))

    def spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = self.cluster.client.get("leases", "kube-scheduler", "kube-system")["spec"]
        return spec


@pytest.fixture
def case(tmp_path: Path) -> Any:
    made = Case(tmp_path / "state")
    yield made
    made.cluster.close()


def test_the_first_one_leads_and_the_lease_says_so(case: Case) -> None:
    a, b = case.candidate("a"), case.candidate("b")
    assert a.try_acquire_or_renew() and not b.try_acquire_or_renew()
    assert case.spec() == {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-01-01T00:00:00.000000Z",
        "renewTime": "2026-01-01T00:00:00.000000Z",
        "leaseTransitions": 0,
    }


def test_renewing_moves_the_renew_time_only(case: Case) -> None:
    a = case.candidate("a")
    a.try_acquire_or_renew()
    case.clock.advance(2)
    assert a.try_acquire_or_renew()
    spec = case.spec()
    assert (spec["acquireTime"][17:19], spec["renewTime"][17:19], spec["leaseTransitions"]) == ("00", "02", 0)


def test_a_silent_leader_is_followed_when_its_lease_has_run_out_as_the_follower_saw_it(case: Case) -> None:
    a, b = case.candidate("a"), case.candidate("b")
    a.try_acquire_or_renew()
    case.clock.advance(14)
    assert not b.try_acquire_or_renew()  # b sees the Lease now: its own 15 seconds begin
    case.clock.advance(14.9)
    assert not b.try_acquire_or_renew()
    case.clock.advance(0.2)
    assert b.try_acquire_or_renew()
    assert (case.spec()["holderIdentity"], case.spec()["leaseTransitions"]) == ("b", 1)
    assert not a.try_acquire_or_renew()


def test_of_two_that_reach_for_a_free_lease_one_gets_it(case: Case) -> None:
    a, b, c = (case.candidate(i) for i in "abc")
    a.try_acquire_or_renew()
    assert not b.try_acquire_or_renew() and not c.try_acquire_or_renew()
    case.clock.advance(15.1)
    assert [b.try_acquire_or_renew(), c.try_acquire_or_renew(), a.try_acquire_or_renew()] == [True, False, False]


def test_a_lease_given_back_is_free_at_once(case: Case) -> None:
    a, b = case.candidate("a"), case.candidate("b")
    a.try_acquire_or_renew()
    assert not b.try_acquire_or_renew()
    a.release()
    assert (case.spec()["holderIdentity"], case.spec()["leaseDurationSeconds"]) == ("", 1)
    assert b.try_acquire_or_renew()
    assert case.spec()["leaseTransitions"] == 1


def test_giving_back_what_another_one_has_changes_nothing(case: Case) -> None:
    a, b = case.candidate("a"), case.candidate("b")
    a.try_acquire_or_renew()
    b.release()
    assert case.spec()["holderIdentity"] == "a"


def test_a_deleted_lease_is_made_again(case: Case) -> None:
    a = case.candidate("a")
    a.try_acquire_or_renew()
    case.cluster.client.delete("leases", "kube-scheduler", "kube-system")
    assert a.try_acquire_or_renew() and case.spec()["holderIdentity"] == "a"


def test_a_leader_that_cannot_renew_gives_up_after_the_deadline(case: Case) -> None:
    a, waits = case.candidate("a"), 0

    def wait(seconds: float) -> bool:
        nonlocal waits
        waits += 1
        case.clock.advance(seconds)
        if waits == 3:  # somebody takes the Lease from it
            lease = case.cluster.client.get("leases", "kube-scheduler", "kube-system")
            other = {**lease["spec"], "holderIdentity": "b", "leaseDurationSeconds": 3600}
            case.cluster.client.update("leases", {**lease, "spec": other})
        return waits > 100

    assert a.acquire(wait)
    assert a.renew(wait) is False
    assert waits == 8  # 4 s of holding it, then the first look later than 10 s


def test_waiting_ends_when_it_is_to_end(case: Case) -> None:
    a, b = case.candidate("a"), case.candidate("b")
    assert a.acquire(lambda _s: True)
    assert not b.acquire(lambda _s: True)
    assert a.renew(lambda _s: True)


def test_events_tell_of_it(case: Case) -> None:
    a = case.candidate("a")
    a.acquire(lambda _s: False)
    a.release()
    events = case.cluster.client.list("events", "kube-system")["items"]
    assert sorted(e["message"] for e in events) == ["a became leader", "a stopped leading"]
    assert {(e["reason"], e["involvedObject"]["kind"]) for e in events} == {("LeaderElection", "Lease")}


def test_who_no_longer_holds_the_lease_cannot_write(case: Case) -> None:
    a, b = case.candidate("a"), case.candidate("b")
    a.try_acquire_or_renew()
    leader = LocalClient.on_files(case.cluster.root, actor="kube-scheduler", clock=case.clock)
    leader.lead_by("kube-scheduler", "a")
    leader.create("configmaps", {"metadata": {"name": "one"}}, "default")
    b.try_acquire_or_renew()
    case.clock.advance(20)
    leader.create("configmaps", {"metadata": {"name": "two"}}, "default")  # silent, but nobody has taken over
    assert b.try_acquire_or_renew()
    for write in (
        lambda: leader.create("configmaps", {"metadata": {"name": "three"}}, "default"),
        lambda: leader.patch("configmaps", "one", {"data": {"a": "b"}}, "default"),
        lambda: leader.delete("configmaps", "one", "default"),
    ):
        refused(write)
    leader.close()


def refused(write: Callable[[], object]) -> None:
    with pytest.raises(ApiError, match="a does not hold the lease kube-system/kube-scheduler"):
        write()


@pytest.mark.parametrize(
    ("times", "problem"),
    [
        ({"lease_duration": 0.5}, "whole seconds"),
        ({"lease_duration": 1.5, "renew_deadline": 1, "retry_period": 0.1}, "whole seconds"),
        ({"lease_duration": 10}, "longer than the renew deadline"),
        ({"renew_deadline": 2.4}, "1.2 times the retry period"),
        ({"retry_period": 0}, "1.2 times the retry period"),
    ],
)
def test_times_that_cannot_work(times: dict[str, float], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Timing(**times)
