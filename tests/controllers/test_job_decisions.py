"""What the Job controller decides, on dicts."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.meta import Obj, Objects, name
from minikctl.controllers.job import decisions, failures, indexes, spec, template, tracking
from minikctl.controllers.job.failures import Backoff
from tests.controllers.objects import NOW, ago


def job(status: Obj | None = None, **fields: Any) -> Obj:
    base: Obj = {
        "completions": 1,
        "parallelism": 1,
        "backoffLimit": 6,
        "template": {"spec": {"restartPolicy": "Never"}},
    }
    return {
        "metadata": {"name": "pi", "namespace": "default", "uid": "u", "generation": 1},
        "spec": base | fields,
        "status": status or {},
    }


def pod(
    name_: str,
    phase: str = "Running",
    *,
    index: int | None = None,
    tracked: bool = True,
    ended: float = 0,
    failures_: int | None = None,
    deleting: bool = False,
    ready: bool = False,
    code: int | None = None,
) -> Obj:
    annotations = {} if index is None else {spec.INDEX: str(index)}
    if failures_ is not None:
        annotations[failures.FAILURES] = str(failures_)
    meta: Obj = {"name": name_, "namespace": "default", "uid": name_, "annotations": annotations}
    if tracked:
        meta["finalizers"] = [spec.TRACKING]
    if deleting:
        meta["deletionTimestamp"] = ago(0)
    status: Obj = {"phase": phase, "conditions": [{"type": "Ready", "status": str(ready)}]}
    if phase in ("Succeeded", "Failed"):
        exit_code = code if code is not None else int(phase == "Failed")
        terminated = {"exitCode": exit_code, "finishedAt": ago(ended)}
        status["containerStatuses"] = [{"name": "main", "state": {"terminated": terminated}}]
    return {"metadata": meta, "spec": {"nodeName": "node-1"}, "status": status}


# ---------------------------------------------------------------------- indexes


@pytest.mark.parametrize(
    ("text", "completions", "found"),
    [
        ("", 5, []),
        ("0", 5, [0]),
        ("0,1", 5, [0, 1]),
        ("0-2", 5, [0, 1, 2]),
        ("1,3-5", 10, [1, 3, 4, 5]),
        ("1,3-5", 4, [1, 3]),
        ("7", 4, []),
        ("x,2", 4, [2]),
        ("2-y,3", 4, [3]),
        ("0-9", 3, [0, 1, 2]),
    ],
)
def test_reading_indexes(text: str, completions: int, found: list[int]) -> None:
    assert sorted(indexes.parse(text, completions)) == found


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([], ""), ([0], "0"), ([1, 0], "0,1"), ([0, 1, 2], "0-2"), ([1, 3, 4, 5, 7], "1,3-5,7"), ([0, 2, 4], "0,2,4")],
)
def test_writing_indexes(numbers: list[int], text: str) -> None:
    assert indexes.text(numbers) == text
    assert indexes.parse(text, 100) == frozenset(numbers)


@pytest.mark.parametrize(
    ("taken", "count", "found"),
    [([], 2, [0, 1]), ([0, 2], 2, [1, 3]), ([0, 1, 2, 3, 4], 2, []), ([1], 0, []), ([3], 9, [0, 1, 2, 4])],
)
def test_the_lowest_free_indexes_come_first(taken: list[int], count: int, found: list[int]) -> None:
    assert indexes.first_missing(frozenset(taken), 5, count) == found


# ---------------------------------------------------------------------- how many to run


@pytest.mark.parametrize(
    ("fields", "status", "mine", "wanted"),
    [
        ({}, {}, [], 1),
        ({"completions": 5, "parallelism": 2}, {}, [], 2),
        ({"completions": 5, "parallelism": 10}, {}, [], 5),
        ({"completions": 5, "parallelism": 2}, {"succeeded": 4}, [], 1),
        ({"completions": 5, "parallelism": 2}, {"succeeded": 3}, [pod("a", "Succeeded")], 1),
        ({"completions": 5, "parallelism": 0}, {}, [], 0),
        ({"completions": 0}, {}, [], 0),
        ({"completions": None, "parallelism": 3}, {}, [], 3),
        ({"completions": None, "parallelism": 3}, {"succeeded": 1}, [pod("a"), pod("b")], 2),
        ({"completions": None, "parallelism": 3}, {}, [pod("a"), pod("b", "Succeeded")], 1),
        ({"completions": 2, "parallelism": 2}, {"uncountedTerminatedPods": {"succeeded": ["x"]}}, [], 1),
    ],
)
def test_how_many_shall_run(fields: Obj, status: Obj, mine: Objects, wanted: int) -> None:
    facts = decisions.look(job(status, **fields), mine, frozenset())
    assert decisions.wanted_active(facts) == wanted


INDEXED = {"completionMode": "Indexed", "completions": 4, "parallelism": 4}
PER_INDEX = INDEXED | {"backoffLimitPerIndex": 1, "backoffLimit": 2**31 - 1}


@pytest.mark.parametrize(
    ("fields", "status", "mine", "create", "delete", "wait"),
    [
        ({}, {}, [], [None], [], None),
        ({}, {}, [pod("a")], [], [], None),
        ({"parallelism": 0}, {}, [pod("a")], [], ["a"], None),
        ({"suspend": True}, {}, [], [], [], None),
        ({"suspend": True}, {}, [pod("a")], [], ["a"], None),
        ({}, {}, [pod("a", "Failed", ended=4)], [], [], 6),
        ({}, {}, [pod("a", "Failed", ended=11)], [None], [], None),
        ({"podReplacementPolicy": "Failed"}, {}, [pod("a", deleting=True)], [], [], None),
        (INDEXED, {}, [], [0, 1, 2, 3], [], None),
        (INDEXED, {"completedIndexes": "0,2"}, [], [1, 3], [], None),
        (INDEXED, {}, [pod("a", index=1)], [0, 2, 3], [], None),
        (INDEXED, {}, [pod("a", index=1), pod("b", index=1, ready=True)], [], ["a"], None),
        (INDEXED, {}, [pod("a", index=9)], [], ["a"], None),
        (INDEXED, {}, [pod("a")], [], ["a"], None),
        (PER_INDEX, {}, [pod("a", "Failed", index=0, ended=4)], [1, 2, 3], [], 6),
        (PER_INDEX, {"failedIndexes": "0"}, [], [1, 2, 3], [], None),
        (PER_INDEX, {}, [pod("a", "Failed", index=0, failures_=1)], [1, 2, 3], [], None),
        (PER_INDEX, {}, [pod("a", "Failed", index=0, ended=30)], [0, 1, 2, 3], [], None),
    ],
)
def test_what_to_create_and_delete(
    fields: Obj, status: Obj, mine: Objects, create: list[Any], delete: list[str], wait: float | None
) -> None:
    facts = decisions.look(job(status, **fields), mine, frozenset())
    backoff = Backoff().seen(facts.new_succeeded, facts.new_failed)
    plan = decisions.plan(facts, backoff, NOW)
    assert (plan.create, [name(p) for p in plan.delete], plan.wait) == (create, delete, wait)


# ---------------------------------------------------------------------- is it over


@pytest.mark.parametrize(
    ("fields", "status", "mine", "reason"),
    [
        ({}, {}, [pod("a")], ""),
        ({"backoffLimit": 0}, {}, [pod("a", "Failed")], "BackoffLimitExceeded"),
        ({"backoffLimit": 1}, {}, [pod("a", "Failed")], ""),
        ({"backoffLimit": 1}, {"failed": 1}, [pod("a", "Failed")], "BackoffLimitExceeded"),
        ({"backoffLimit": 1}, {"failed": 1}, [pod("a", "Failed", tracked=False)], ""),
        ({"backoffLimit": 0}, {}, [pod("a", deleting=True)], "BackoffLimitExceeded"),
        ({"backoffLimit": 0, "podReplacementPolicy": "Failed"}, {}, [pod("a", deleting=True)], ""),
        ({"activeDeadlineSeconds": 10}, {"startTime": ago(9)}, [], ""),
        ({"activeDeadlineSeconds": 10}, {"startTime": ago(10)}, [], "DeadlineExceeded"),
        ({"activeDeadlineSeconds": 10, "suspend": True}, {"startTime": ago(99)}, [], ""),
        (PER_INDEX | {"completions": 1}, {"failedIndexes": "0"}, [], "FailedIndexes"),
        (PER_INDEX, {"failedIndexes": "0", "completedIndexes": "1-3"}, [], "FailedIndexes"),
        (PER_INDEX, {"failedIndexes": "0", "completedIndexes": "1,2"}, [], ""),
        (PER_INDEX | {"maxFailedIndexes": 0}, {"failedIndexes": "0"}, [], "MaxFailedIndexesExceeded"),
        (
            INDEXED | {"successPolicy": {"rules": [{"succeededCount": 2}]}},
            {"completedIndexes": "1,2"},
            [],
            "SuccessPolicy",
        ),
        (INDEXED | {"successPolicy": {"rules": [{"succeededIndexes": "0"}]}}, {"completedIndexes": "1,2"}, [], ""),
    ],
)
def test_what_ends_a_job(fields: Obj, status: Obj, mine: Objects, reason: str) -> None:
    end = decisions.verdict(decisions.look(job(status, **fields), mine, frozenset()), NOW)
    assert (end or {}).get("reason", "") == reason


@pytest.mark.parametrize(
    ("rules", "code", "conditions", "action"),
    [
        ([], 1, [], ""),
        ([{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1, 2]}}], 2, [], "FailJob"),
        ([{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1, 2]}}], 3, [], ""),
        ([{"action": "Ignore", "onExitCodes": {"operator": "NotIn", "values": [1]}}], 3, [], "Ignore"),
        ([{"action": "Ignore", "onExitCodes": {"operator": "NotIn", "values": [1]}}], 0, [], ""),
        ([{"action": "Count", "onExitCodes": {"containerName": "other", "operator": "In", "values": [1]}}], 1, [], ""),
        (
            [{"action": "Count", "onExitCodes": {"containerName": "main", "operator": "In", "values": [1]}}],
            1,
            [],
            "Count",
        ),
        ([{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}], 1, ["DisruptionTarget"], "Ignore"),
        ([{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}], 1, [], ""),
        (
            [
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
                {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}},
            ],
            1,
            ["DisruptionTarget"],
            "Ignore",
        ),
    ],
)
def test_what_a_failure_means(rules: Objects, code: int, conditions: list[str], action: str) -> None:
    failed = pod("a", "Failed", code=code)
    failed["status"]["conditions"] = [{"type": c, "status": "True"} for c in conditions]
    assert failures.judge(job(podFailurePolicy={"rules": rules}), failed)[0] == action


# ---------------------------------------------------------------------- waiting


@pytest.mark.parametrize(
    ("count", "since", "left"),
    [(0, 0, 0), (1, 0, 10), (1, 4, 6), (1, 11, 0), (2, 0, 20), (3, 5, 35), (7, 0, 600), (40, 0, 600)],
)
def test_the_delay_doubles_up_to_ten_minutes(count: int, since: float, left: float) -> None:
    from datetime import timedelta

    assert Backoff(count, NOW - timedelta(seconds=since)).remaining(NOW) == left


@pytest.mark.parametrize(
    ("known", "succeeded", "failed", "count"),
    [
        (0, [], [5], 1),
        (2, [], [5, 3], 4),
        (2, [4], [], 0),
        (2, [4], [5], 0),
        (2, [4], [3], 1),
        (2, [], [], 2),
    ],
)
def test_a_success_starts_the_count_anew(known: int, succeeded: list[float], failed: list[float], count: int) -> None:
    ended = [pod(f"s{t}", "Succeeded", ended=t) for t in succeeded]
    lost = [pod(f"f{t}", "Failed", ended=t) for t in failed]
    assert Backoff(known, NOW).seen(ended, lost).failures == count


# ---------------------------------------------------------------------- counting


def test_each_pod_is_counted_once_whatever_happens_in_between() -> None:
    owner = job({"uncountedTerminatedPods": {}}, completions=3, parallelism=3)
    ended = [pod("a", "Succeeded"), pod("b", "Failed"), pod("c")]
    first = tracking.track(decisions.look(owner, ended, frozenset()), owner["status"], None, NOW)
    assert first.status["uncountedTerminatedPods"] == {"succeeded": ["a"], "failed": ["b"]}
    assert [name(p) for p in first.release] == ["a", "b"] and not first.status["succeeded"]
    again = {**owner, "status": first.status}
    facts = decisions.look(again, ended, frozenset())
    assert (facts.succeeded, facts.failed) == (1, 1)
    second = tracking.track(facts, first.status, None, NOW)
    assert second.status == first.status
    half = tracking.count_released(second.status, {"b", "c"})
    assert (half["succeeded"], half["failed"], half["uncountedTerminatedPods"]) == (1, 0, {"failed": ["b"]})
    whole = tracking.count_released(half, {"c"})
    assert (whole["succeeded"], whole["failed"], whole["uncountedTerminatedPods"]) == (1, 1, {})


def test_the_status_holds_so_many_uids_and_no_more() -> None:
    owner = job(completions=900, parallelism=900)
    ended = [pod(str(i), "Succeeded") for i in range(700)]
    done = tracking.track(decisions.look(owner, ended, frozenset()), {}, None, NOW)
    assert done.is_full and len(done.release) == 500 == len(done.status["uncountedTerminatedPods"]["succeeded"])


@pytest.mark.parametrize(
    ("uncounted", "terminating", "is_over"), [({}, 0, True), ({"failed": ["a"]}, 0, False), ({}, 1, False)]
)
def test_a_job_is_over_when_all_pods_have_ended_and_are_counted(
    uncounted: Obj, terminating: int, is_over: bool
) -> None:
    end = spec.condition("Complete", "True", "CompletionsReached", "all", NOW)
    done = tracking.finished({"uncountedTerminatedPods": uncounted}, end, terminating)
    assert (done is not None) is is_over
    if done:
        assert done["completionTime"] == ago(0) and done["conditions"] == [end]


@pytest.mark.parametrize(
    ("title", "index", "prefix"),
    [("pi", None, "pi-"), ("pi", 3, "pi-3-"), ("x" * 60, 12, "x" * 54 + "-12-")],
)
def test_generated_names(title: str, index: int | None, prefix: str) -> None:
    assert template.generate_name({"metadata": {"name": title}}, index) == prefix


def test_an_environment_variable_of_ones_own_wins() -> None:
    own = [{"name": "JOB_COMPLETION_INDEX", "value": "x"}]
    made = template.of(job(**INDEXED, template={"spec": {"containers": [{"name": "main", "env": own}]}}), 2)
    assert made["spec"]["containers"][0]["env"] == own
