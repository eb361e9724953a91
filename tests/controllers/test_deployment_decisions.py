"""A Deployment's decisions, as functions: sizes, shares."""

from __future__ import annotations

import pytest

from minikctl.api.meta import Obj, name
from minikctl.controllers.deployment import (
    limits,
    recreate,
    replica_sets,
    revisions,
    rolling,
    scaling,
    template,
)
from tests.controllers.objects import deployment, pod
from tests.controllers.objects import rolling as strategy
from tests.controllers.objects import stored_replica_set as rs

RECREATE = {"type": "Recreate"}

# ---------------------------------------------------------------------- limits


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (10, "25%", "25%", (3, 2)),
        (3, "25%", "25%", (1, 0)),
        (1, "25%", "25%", (1, 0)),
        (10, 0, 0, (0, 1)),
        (3, "0%", "25%", (0, 1)),
        (10, 4, 0, (4, 0)),
        (10, "100%", "100%", (10, 10)),
        (2, 0, 5, (0, 2)),
        (0, 3, 3, (3, 0)),
    ],
)
def test_fenceposts(replicas: int, surge: int | str, unavailable: int | str, expected: tuple[int, int]) -> None:
    d = deployment(replicas=replicas, strategy=strategy(surge, unavailable))
    assert (limits.max_surge(d), limits.max_unavailable(d)) == expected


def test_recreate_knows_no_fenceposts() -> None:
    d = deployment(replicas=10, strategy=RECREATE)
    assert (limits.max_surge(d), limits.max_unavailable(d)) == (0, 0)


def test_the_largest_numbers_mean_no_limit() -> None:
    d = deployment(progressDeadlineSeconds=2**31 - 1, revisionHistoryLimit=2**31 - 1)
    assert limits.progress_deadline(d) is None and limits.history_limit(d) is None


def test_defaults_are_used_where_the_spec_is_silent() -> None:
    d = deployment()
    del d["spec"]["replicas"], d["spec"]["strategy"]
    assert limits.replicas(d) == 1 and limits.is_rolling(d) and limits.fenceposts(d) == (1, 0)


# ---------------------------------------------------------------------- rolling: up


@pytest.mark.parametrize(
    ("replicas", "surge", "new", "old", "expected"),
    [
        (10, 0, 0, [10], 0),
        (10, 2, 0, [10], 2),
        (10, 2, 5, [7], 5),
        (10, 2, 5, [5], 7),
        (10, 5, 8, [2], 10),
        (10, 2, 10, [], 10),
        (6, 2, 10, [], 6),
        (10, 0, 0, [], 10),
        (10, "30%", 0, [10], 3),
        (10, 3, 0, [6, 4], 3),
    ],
)
def test_new_size(replicas: int, surge: int | str, new: int, old: list[int], expected: int) -> None:
    d = deployment(replicas=replicas, strategy=strategy(surge, 0))
    sets = [rs(f"old-{i}", n) for i, n in enumerate(old)]
    current = rs("new", new)
    assert rolling.new_size(d, current, [*sets, current]) == expected


def test_pods_that_still_exist_take_up_room() -> None:
    d = deployment(replicas=10, strategy=strategy(2, 2))
    shrinking, current = rs("old", 6, replicas=8), rs("new", 4)
    assert rolling.new_size(d, current, [shrinking, current]) == 4


def test_recreate_goes_straight_to_the_full_size() -> None:
    assert rolling.new_size(deployment(replicas=10, strategy=RECREATE), rs("new", 0), [rs("new", 0)]) == 10


# ---------------------------------------------------------------------- rolling: down


def _down(replicas: int, unavailable: int, new: tuple[int, int], old: list[tuple[int, int]]) -> list[int]:
    """Sizes of the old ReplicaSets after the step; (size, available) each, the oldest first."""
    d = deployment(replicas=replicas, strategy=strategy(2, unavailable))
    sets = [rs(f"old-{i}", n, available=a, age=100 - i) for i, (n, a) in enumerate(old)]
    sizes = {name(s): n for s, n in rolling.old_sizes(d, rs("new", new[0], available=new[1]), sets)}
    return [sizes.get(name(s), replica_sets.size(s)) for s in sets]


@pytest.mark.parametrize(
    ("replicas", "unavailable", "new", "old", "expected"),
    [
        (10, 0, (0, 0), [(10, 10)], [10]),
        (10, 2, (0, 0), [(10, 10)], [8]),
        (10, 2, (2, 0), [(10, 10)], [8]),
        (10, 2, (2, 2), [(10, 10)], [6]),
        (10, 0, (2, 2), [(10, 10)], [8]),
        (10, 2, (2, 0), [(8, 8)], [8]),
        # pods that are not available go first, and do not count against the minimum
        (10, 4, (4, 4), [(8, 0)], [2]),
        (10, 4, (4, 0), [(8, 8)], [6]),
        (10, 2, (0, 0), [(10, 8)], [8]),
        (10, 0, (5, 5), [(8, 5)], [5]),
        # several old ReplicaSets: the oldest shrinks first
        (10, 0, (4, 4), [(5, 5), (5, 5)], [1, 5]),
        (10, 0, (8, 8), [(5, 5), (5, 5)], [0, 2]),
        (4, 1, (2, 0), [(2, 0), (3, 3)], [0, 3]),
        # nothing to do
        (10, 2, (10, 10), [(0, 0)], [0]),
        (10, 2, (10, 4), [(4, 4)], [4]),
    ],
)
def test_old_sizes(
    replicas: int, unavailable: int, new: tuple[int, int], old: list[tuple[int, int]], expected: list[int]
) -> None:
    assert _down(replicas, unavailable, new, old) == expected


def test_a_status_older_than_the_size_promises_nothing() -> None:
    """8 are wanted of which 10 were counted: two of those are on their way out."""
    assert _down(10, 2, (5, 1), [(8, 10)]) == [7]


# ---------------------------------------------------------------------- recreate


@pytest.mark.parametrize(
    ("old_replicas", "pods", "expected"),
    [
        (0, [], False),
        (1, [], True),
        (0, [("old", "Running")], True),
        (0, [("old", "Pending")], True),
        (0, [("old", "Unknown")], True),
        (0, [("old", "Succeeded"), ("old", "Failed")], False),
        (0, [("new", "Running")], False),
    ],
)
def test_old_pods_running(old_replicas: int, pods: list[tuple[str, str]], expected: bool) -> None:
    made = [
        pod(f"p{i}", phase=phase, ownerReferences=[{"uid": f"uid-{of}", "controller": True}])
        for i, (of, phase) in enumerate(pods)
    ]
    old = [rs("old", 0, replicas=old_replicas)]
    assert recreate.old_pods_running(rs("new", 0), old, made) is expected


# ---------------------------------------------------------------------- proportional scaling


def _scaled(d: Obj, new: Obj | None, old: list[Obj]) -> dict[str, int]:
    return {name(s): n for s, n in scaling.sizes(d, new, old)}


@pytest.mark.parametrize(
    ("before", "after", "surge", "sizes", "expected"),
    [
        # (replicas before and after, maxSurge, sizes of new and old from the newest on)
        (10, 12, 0, [10], [12]),
        (10, 5, 0, [10], [5]),
        (10, 20, 0, [5, 5], [10, 10]),
        (10, 5, 0, [5, 5], [3, 2]),
        (10, 12, 0, [5, 3, 2], [6, 4, 2]),
        (10, 5, 0, [5, 3, 2], [2, 2, 1]),
        (10, 5, 2, [6, 4, 2], [4, 2, 1]),
        (10, 0, 2, [5, 5, 2], [0, 0, 0]),
        (10, 15, 3, [5, 8], [7, 11]),
        (5, 50, 2, [5, 2], [37, 15]),
    ],
)
def test_every_replica_set_gets_its_share(
    before: int, after: int, surge: int, sizes: list[int], expected: list[int]
) -> None:
    d = deployment(replicas=after, strategy=strategy(surge, 1))
    d["status"] = {"replicas": before}
    sets = [rs(f"rs-{i}", n, desired=before, maximum=before + surge, age=i) for i, n in enumerate(sizes)]
    got = _scaled(d, sets[0], sets[1:])
    result = [got.get(name(s), replica_sets.size(s)) for s in sets]
    if after:
        assert sum(result) == after + (surge if len(sizes) > 1 else 0)
    assert result == expected


def test_the_status_stands_in_for_a_missing_annotation() -> None:
    d = deployment(replicas=20, strategy=strategy(0, 1)) | {"status": {"replicas": 10}}
    assert _scaled(d, rs("new", 5), [rs("old", 5)]) == {"new": 10, "old": 10}


def test_with_no_pods_anywhere_the_newest_grows() -> None:
    assert _scaled(deployment(replicas=4), None, [rs("a", 0, age=9), rs("b", 0, age=1)]) == {"b": 4}
    assert _scaled(deployment(replicas=4), rs("new", 0), [rs("a", 0, age=9)]) == {"new": 4}
    assert _scaled(deployment(replicas=4), None, []) == {}


def test_a_saturated_new_replica_set_ends_the_old_ones() -> None:
    d = deployment(replicas=3)
    assert _scaled(d, rs("new", 3, desired=3), [rs("old", 2), rs("older", 1)]) == {"old": 0, "older": 0}


def test_recreate_scales_nothing_proportionally() -> None:
    assert _scaled(deployment(replicas=5, strategy=RECREATE), rs("new", 2), [rs("old", 2)]) == {}


@pytest.mark.parametrize(
    ("desired", "size", "expected"), [(3, 3, False), (2, 2, True), (5, 3, True), (None, 3, False), (2, 0, False)]
)
def test_scaling_event(desired: int | None, size: int, expected: bool) -> None:
    assert scaling.is_scaling_event(deployment(replicas=3), [rs("a", size, desired=desired)]) is expected


# ---------------------------------------------------------------------- replica sets and revisions


def test_the_oldest_of_equals_is_the_new_one() -> None:
    d = deployment()
    d["spec"]["template"] = template.with_hash(rs("x", 1)["spec"]["template"], "abc")
    sets = [rs("young", 1, age=1), rs("aged", 1, age=50), rs("other", 1, age=99, image="nginx:2")]
    found = replica_sets.find_new(d, sets)
    assert found is not None and name(found) == "aged"
    assert [name(s) for s in replica_sets.all_but(sets, found)] == ["young", "other"]


def test_orders() -> None:
    sets = [rs("a", 2, age=10), rs("b", 5, age=20), rs("c", 5, age=30), rs("d", 2, age=10)]
    assert [name(s) for s in replica_sets.oldest_first(sets)] == ["c", "b", "a", "d"]
    assert [name(s) for s in replica_sets.by_size(sets, newer_first=True)] == ["b", "c", "d", "a"]
    assert [name(s) for s in replica_sets.by_size(sets, newer_first=False)] == ["c", "b", "a", "d"]
    numbered = [rs("x", 0, revision=10), rs("y", 0, revision=2), rs("z", 0)]
    assert [name(s) for s in replica_sets.by_revision(numbered)] == ["z", "y", "x"]


def _annotated(name_: str, annotations: dict[str, str]) -> Obj:
    made = rs(name_, 1)
    made["metadata"]["annotations"] = annotations
    return made


@pytest.mark.parametrize(
    ("present", "revision", "expected"),
    [
        ({}, 1, {"revision": "1"}),
        ({"revision": "3"}, 3, {"revision": "3"}),
        ({"revision": "5"}, 3, {"revision": "5"}),
        ({"revision": "1"}, 4, {"revision": "4", "revision-history": "1"}),
        ({"revision": "4", "revision-history": "1"}, 7, {"revision": "7", "revision-history": "1,4"}),
        ({"revision": "9"}, 10, {"revision": "10", "revision-history": "9"}),
        ({"revision": "by hand"}, 2, {"revision": "by hand"}),
    ],
)
def test_revision_annotations(present: dict[str, str], revision: int, expected: dict[str, str]) -> None:
    prefix = "deployment.kubernetes.io/"
    made = _annotated("a", {prefix + k: v for k, v in present.items()})
    got = revisions.for_new_replica_set(deployment(), made, revision)
    assert got == {prefix + k: v for k, v in expected.items()}


def test_the_history_does_not_grow_for_ever() -> None:
    made = _annotated("a", {revisions.REVISION: "2000", revisions.HISTORY: ",".join(str(i) for i in range(1000, 1400))})
    history = revisions.for_new_replica_set(deployment(), made, 2001)[revisions.HISTORY]
    assert len(history) <= revisions.HISTORY_CHARACTERS and history.endswith(",1399,2000") and history[0:5] == "1001,"


def test_annotations_are_copied_but_for_those_that_are_the_deployments_own() -> None:
    d = deployment()
    d["metadata"]["annotations"] = {
        "kubernetes.io/change-cause": "why",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        revisions.REVISION: "8",
        revisions.DESIRED_REPLICAS: "8",
    }
    made = _annotated("a", {"kept": "yes", revisions.REVISION: "1"})
    expected = {"kept": "yes", revisions.REVISION: "1", "kubernetes.io/change-cause": "why"}
    assert revisions.for_new_replica_set(d, made, 1) == expected


def test_templates_are_compared_without_their_hash() -> None:
    plain = rs("a", 1)["spec"]["template"]
    assert template.equal(template.with_hash(plain, "one"), template.with_hash(plain, "two"))
    assert template.equal({**plain, "metadata": {**plain["metadata"], "annotations": {}}}, plain)
    other = {**plain, "metadata": {"labels": {"app": "web", "v": "2"}}}
    assert not template.equal(plain, other)


def test_hashes() -> None:
    plain = rs("a", 1)["spec"]["template"]
    hash_ = template.compute_hash(plain)
    assert hash_ == template.compute_hash(template.with_hash(plain, "x")) and 8 <= len(hash_) <= 10
    assert len({hash_, *(template.compute_hash(plain, n) for n in range(5))}) == 6
    assert template.compute_hash(rs("a", 1, image="nginx:2")["spec"]["template"]) != hash_
