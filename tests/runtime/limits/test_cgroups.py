"""What is written into control groups; the rest is in test_enforced.py, with real ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from minikctl.runtime.interface import Resources
from minikctl.runtime.limits import cgroups, watching


@pytest.mark.parametrize(("milli", "shares"), [(0, 2), (1, 2), (100, 102), (1000, 1024), (2500, 2560)])
def test_shares(milli: int, shares: int) -> None:
    assert cgroups.shares(milli) == shares


@pytest.mark.parametrize(("shares", "weight"), [(2, 1), (1024, 39), (262144, 10000), (10**6, 10000)])
def test_weights(shares: int, weight: int) -> None:
    assert cgroups.weight(shares) == weight


@pytest.mark.parametrize(("milli", "quota"), [(0, -1), (1, 1000), (250, 25000), (2000, 200000)])
def test_quota(milli: int, quota: int) -> None:
    assert cgroups.quota(milli) == quota


def test_what_is_written() -> None:
    limited = Resources(cpu_request=500, cpu_limit=1000, memory_limit=1 << 20, pids_limit=9)
    first = {name: content for _, name, content in cgroups.settings(1, limited)}
    assert first == {
        "cpu.shares": "512",
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "100000",
        "memory.limit_in_bytes": "1048576",
        "memory.memsw.limit_in_bytes": "1048576",
        "pids.max": "9",
    }
    second = {name: content for _, name, content in cgroups.settings(2, limited)}
    assert second == {
        "cpu.weight": "20",
        "cpu.max": "100000 100000",
        "memory.max": "1048576",
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "pids.max": "9",
    }
    free = {name: content for _, name, content in cgroups.settings(2, Resources())}
    assert (free["cpu.max"], free["memory.max"], "pids.max" in free) == ("max 100000", "max", False)


@pytest.mark.parametrize(
    ("text", "killed"),
    [
        ("", 0),
        ("low 0\nhigh 0\nmax 3\noom 3\noom_kill 2\noom_group_kill 1\n", 2),
        ("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", 1),
    ],
)
def test_counted(text: str, killed: int) -> None:
    assert cgroups.counted(text) == killed


@pytest.mark.parametrize(
    ("used", "age", "seconds"), [(90, 100, 0.1), (60, 100, 0.5), (10, 100, 3.0), (10, 1, 0.5), (200, 100, 0.1)]
)
def test_when_to_look_again(used: int, age: float, seconds: float) -> None:
    assert watching.pause(used, 100, age) == seconds


@pytest.mark.parametrize("lost", cgroups.CONTROLLERS)
def test_groups_that_a_crash_left_in_some_hierarchies_only_are_made_whole(tmp_path: Path, lost: str) -> None:
    roots = {c: tmp_path / c for c in ("cpu", "memory", "pids")}
    for root in roots.values():
        root.mkdir()
    limits = cgroups.CgroupLimits(cgroups.Hierarchy(1, roots), tmp_path / "state", "node-1")
    limits.add_pod("p", Resources())
    shutil.rmtree(roots[lost] / cgroups.cluster_group(tmp_path / "state") / "node-1")
    joined = limits.add("p", "c", Resources(memory_limit=1 << 20), lambda: None)
    assert all(path.parent.is_dir() for path in joined)
