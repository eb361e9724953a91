"""Limits on real containers: by control groups where this machine lets us have them, and by watching."""

from __future__ import annotations

import os
import resource  # noqa: F401 - nobody may not read the interpreter of the tests
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from minikctl.runtime import limits
from minikctl.runtime.addresses import cluster_range
from minikctl.runtime.interface import RUNNING, Resources, SandboxConfig, Security
from minikctl.runtime.limits import cgroups, probe
from minikctl.runtime.limits.watching import WatchedLimits
from minikctl.runtime.process.killing import kill_everything
from minikctl.runtime.process.runtime import ProcessRuntime
from minikctl.runtime.sandbox import bwrap
from minikctl.runtime.sandbox.runtime import SandboxRuntime
from tests.runtime.conftest import Node, processes_of, until
from tests.support.ordinary_user import as_ordinary_user, open_folder

MIB = 1 << 20
EAT = "import time\nkept = []\nfor _ in range(100): kept.append(b'x' * (4 << 20)); time.sleep(0.02)\ntime.sleep(600)"

KEEP = "a=$(head -c 60000000 /dev/zero | tr '\\0' x); sleep 600; true"  # the shell stays, with what it has


def open_node(state: Path, sandboxed: bool) -> Node:
    made = SandboxRuntime if sandboxed else ProcessRuntime
    node = Node(state, made(state, "node-1", cluster_range(str(state), 1)))
    node.runtime.start(node.told.append)
    uids = node.runtime.pod_uids()
    node.sandbox = node.runtime.pod_state(uids[0]).sandbox if uids else None
    return node


def close(node: Node) -> None:
    node.runtime.stop()
    kill_everything(node.state)
    assert processes_of(node.state) == [] and groups_of(node.state) == []


def groups_of(state: Path) -> list[Path]:
    """The control groups of a state directory's containers, that of the cluster itself included."""
    name = cgroups.cluster_group(state)
    return [root / name for h in probe.mounted() for root in h.folders if (root / name).exists()]


@pytest.fixture(params=["sandbox", "process"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    if probe.usable() is None:
        pytest.skip("this user may not make control groups here")
    sandboxed = request.param == "sandbox"
    if sandboxed and (refused := bwrap.probe(tmp_path / "probe")):
        pytest.skip(f"no sandbox on this machine: {refused}")
    made = open_node(tmp_path / "state", sandboxed)
    yield made
    close(made)


def test_memory(node: Node) -> None:
    greedy = node.run("python3", "-c", EAT, image="python:3.12", resources=Resources(memory_limit=48 * MIB))
    modest = node.run("sleep", "600", name="other", resources=Resources(memory_limit=48 * MIB))
    ended = node.ended(greedy)
    assert (ended.exit_code, ended.reason) == (137, "OOMKilled")
    assert node.status(modest).is_running


def test_the_reason_is_known_to_the_next_agent(node: Node) -> None:
    greedy = node.run("python3", "-c", EAT, image="python:3.12", resources=Resources(memory_limit=32 * MIB))
    node.runtime.stop()
    again = open_node(node.state, isinstance(node.runtime, SandboxRuntime))
    node.runtime, node.sandbox = again.runtime, again.sandbox
    ended = node.ended(greedy)
    assert (ended.exit_code, ended.reason) == (137, "OOMKilled")


def test_processor(node: Node) -> None:
    node.pod()
    spin = "import time\nwhile True: pass"
    limited = node.run("python3", "-c", spin, image="python:3.12", resources=Resources(cpu_limit=100))
    group = next(p for g in groups_of(node.state) for p in g.rglob(limited) if (p / "cpu.stat").exists())
    until(lambda: "nr_throttled 0\n" not in (group / "cpu.stat").read_text(), "the container is throttled")


def test_a_fork_bomb(node: Node) -> None:
    node.sandbox = node.runtime.run_pod_sandbox(
        SandboxConfig("u1", "web", "default", "web", resources=Resources(pids_limit=40))
    )
    bomb = node.run("sh", "-c", "f() { f | f & wait; }; f; echo survived; sleep 600")
    until(lambda: any("fork" in line.lower() for line in node.log(bomb)), "forking is refused")
    assert node.runtime.container_stats(bomb).processes <= 60
    node.runtime.stop_container(bomb, 0)
    node.ended(bomb)


def test_exec_is_limited_too(node: Node) -> None:
    container = node.run("sleep", "600", resources=Resources(memory_limit=32 * MIB))
    done = node.runtime.exec_sync(container, ["cat", "/proc/self/cgroup"], 10)
    assert container in done.output.decode()
    eat = "head -c 200m /dev/zero | tail"
    assert node.runtime.exec_sync(container, ["sh", "-c", eat], 20).exit_code != 0


def test_resizing(node: Node) -> None:
    container = node.run("python3", "-c", EAT, image="python:3.12", resources=Resources(memory_limit=600 * MIB))
    node.runtime.update_resources(container, Resources(memory_limit=900 * MIB))
    node.runtime.update_resources(container, Resources(memory_limit=96 * MIB))
    assert node.ended(container).reason == "OOMKilled"


def test_what_a_crash_leaves_is_removed(node: Node) -> None:
    container = node.run("sleep", "600", resources=Resources(memory_limit=32 * MIB))
    node.main(container)
    node.runtime.stop()
    lost = [p for group in groups_of(node.state) for p in group.rglob("podu1")]
    assert lost
    other = limits.find(node.state, "node-1")
    other.start([])  # the pod's folder is gone, say
    assert not any(p.exists() for p in lost)
    again = open_node(node.state, isinstance(node.runtime, SandboxRuntime))
    node.runtime, node.sandbox = again.runtime, again.sandbox
    assert node.ended(container).exit_code == 137


def test_groups_end_with_their_container(node: Node) -> None:
    container = node.run("sh", "-c", "exit 3", resources=Resources(memory_limit=32 * MIB))
    assert (node.ended(container).exit_code, node.status(container).reason) == (3, "Error")
    until(lambda: not [p for g in groups_of(node.state) for p in g.rglob(container)], "the group is removed")
    node.runtime.remove_pod_sandbox(node.sandbox.id)  # type: ignore[union-attr]
    assert not [p for g in groups_of(node.state) for p in g.rglob("pod*")]


# ---------------------------------------------------------------------- without control groups


def watched(check: Callable[[Node], None]) -> None:
    """As an ordinary user, who has no groups."""

    def run() -> None:
        os.environ[probe.OFF] = "off"
        node = open_node(folder / "state", not bwrap.probe(folder / "probe"))
        try:
            check(node)
        finally:
            close(node)

    with open_folder() as folder:
        as_ordinary_user(folder, run)


def test_memory_is_watched() -> None:
    def check(node: Node) -> None:
        assert any("memory limits are enforced by looking" in text for text in node.runtime.limitations())
        greedy = node.run("sh", "-c", KEEP, resources=Resources(memory_limit=48 * MIB))
        modest = node.run("sleep", "600", name="other", resources=Resources(memory_limit=48 * MIB))
        ended = node.ended(greedy)
        assert (ended.exit_code, ended.reason) == (137, "OOMKilled")
        assert node.status(modest).is_running

    watched(check)


def test_a_bigger_limit_is_watched() -> None:
    def check(node: Node) -> None:
        container = node.run("sh", "-c", KEEP, resources=Resources(memory_limit=1 << 40))
        node.runtime.update_resources(container, Resources(memory_limit=30 * MIB))
        assert node.ended(container).reason == "OOMKilled", node.log(container)

    watched(check)


def test_watching_keeps_to_its_share() -> None:
    """200 containers with limits that use next to nothing."""
    made = WatchedLimits(measure=lambda _pid: sum(range(3000)) and 10)
    for i in range(200):
        made.add("pod", str(i), Resources(memory_limit=100), lambda: 1)
    began = os.times()
    until(lambda: made.spent > 0.002, "some looks")
    ended = os.times()
    made.stop()
    assert made.spent <= 0.02 * (ended.elapsed - began.elapsed) + 0.002


SEEN = "cat memory/memory.limit_in_bytes memory.max 2>/dev/null; find . -name 'cgroup.procs' | wc -l; mkdir x cpu/x 2>/dev/null"


@pytest.mark.parametrize("node", ["sandbox"], indirect=True)
def test_a_container_sees_its_own_limits(node: Node) -> None:
    """Of whatever user it is; and nothing of others. Plain processes see what there is of the machine."""
    other = node.run("sleep", "100", name="other")
    script = f"cd /sys/fs/cgroup && {SEEN}; mount | grep -c cgroup"
    security, most = Security(user=1000), Resources(memory_limit=64 * MIB)
    container = node.run("sh", "-c", script, security=security, resources=most)
    node.ended(container)
    limit, groups, mounted = (line.split()[-1] for line in node.log(container))
    assert (limit, groups) == (str(64 * MIB), mounted) and int(groups) in (1, 3)
    assert node.status(other).state == RUNNING
