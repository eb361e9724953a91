"""Graceful node shutdown: who ends when, and what is told of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from minikctl.api.meta import Obj, condition_is, find_condition
from minikctl.kubelet import static_pods
from minikctl.kubelet.agent import RUNTIME, kill_everything
from minikctl.kubelet.eviction.decisions import CRITICAL
from minikctl.kubelet.settings import Settings, parse
from minikctl.kubelet.shutdown import MESSAGE, Periods, grace, group, periods
from tests.kubelet.test_process_agent import Running, first, terminated
from tests.kubelet.test_static_pods import folder, write
from tests.runtime.conftest import processes_of, until


def pod(name: str, priority: int | None = None, **spec: object) -> Obj:
    given = {} if priority is None else {"priority": priority}
    return {"metadata": {"name": name}, "spec": {**given, **spec}}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, []),
        ({"shutdownGracePeriod": "30s"}, [(0, 30), (CRITICAL, 0)]),
        ({"shutdownGracePeriod": "30s", "shutdownGracePeriodCriticalPods": "10s"}, [(0, 20), (CRITICAL, 10)]),
        ({"shutdownGracePeriod": "10s", "shutdownGracePeriodCriticalPods": "30s"}, []),
        (
            {
                "shutdownGracePeriod": "30s",
                "shutdownGracePeriodByPodPriority": [
                    {"priority": 1000, "shutdownGracePeriodSeconds": 5},
                    {"priority": 0, "shutdownGracePeriodSeconds": 60},
                ],
            },
            [(0, 60), (1000, 5)],
        ),
    ],
)
def test_periods(content: Obj, expected: Periods) -> None:
    assert periods(parse(content)) == expected


def test_groups() -> None:
    by = [(10, 1.0), (100, 1.0), (1000, 1.0)]
    pods = [pod("none"), pod("low", -5), pod("a", 10), pod("b", 99), pod("c", 100), pod("d", 5000)]
    names = [[p["metadata"]["name"] for p in members] for members in group(pods, by)]
    assert names == [["none", "low", "a", "b"], ["c"], ["d"]]


@pytest.mark.parametrize(("own", "expected"), [(None, 10), (30, 10), (3, 3), (0, 0)])
def test_grace(own: int | None, expected: float) -> None:
    spec = {} if own is None else {"terminationGracePeriodSeconds": own}
    assert grace(pod("p", **spec), 10.0) == expected


def test_nothing_is_waited_for_by_default() -> None:
    assert periods(Settings()) == []


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv(RUNTIME, "process")
    monkeypatch.setattr(static_pods, "PERIOD", 0.05)
    root = tmp_path / "state"
    (root / "nodes").mkdir(parents=True)
    (root / "nodes" / "config.yaml").write_text("shutdownGracePeriod: 20s\nshutdownGracePeriodCriticalPods: 1s\n")
    made = Running(root)
    for name, more in (("system-node-critical", 1000), ("system-cluster-critical", 0)):
        made.client.create("priorityclasses", {"metadata": {"name": name}, "value": CRITICAL + more})
    folder(made).mkdir(parents=True)
    yield made
    made.agent.stop()
    kill_everything(made.root)
    made.cluster.close()
    assert processes_of(made.root) == []


def words(file: Path, name: str, seconds: float = 0.0) -> list[str]:
    trap = f"trap 'echo {name} asked >>{file}; sleep {seconds}; echo {name} ended >>{file}; exit 0' TERM"
    return ["sh", "-c", f"{trap}; touch {file}.{name}; while :; do sleep 0.02; done"]


def test_pods_end_in_the_order_of_their_priority(node: Running, tmp_path: Path) -> None:
    log = tmp_path / "log"
    critical = {"priorityClassName": "system-node-critical"}
    node.create("usual", command=words(log, "usual", 0.3))
    node.create(
        "deaf", command=["sh", "-c", f"trap '' TERM; touch {log}.deaf; while :; do sleep 0.02; done"], spec=critical
    )
    node.create("critical", command=words(log, "critical"), spec=critical)
    node.create("done", command=["true"], policy="Never")
    names = ("usual", "deaf", "critical")
    for name in names:
        node.ready(name)
        until(lambda: Path(f"{log}.{name}").exists(), name, 60)  # noqa: B023
    node.wait(lambda p: p["status"]["phase"] == "Succeeded", name="done", seconds=60)
    node.agent.shut_down()
    assert log.read_text().splitlines() == ["usual asked", "usual ended", "critical asked", "critical ended"]
    for name in names:
        status = node.pod(name)["status"]
        assert (status["phase"], status["reason"], status["message"]) == ("Failed", "Terminated", MESSAGE)
        disruption = find_condition(status["conditions"], "DisruptionTarget") or {}
        assert (disruption["status"], disruption["reason"]) == ("True", "TerminationByKubelet")
    assert terminated(first(node.pod("usual")))["exitCode"] == 0
    assert terminated(first(node.pod("deaf")))["exitCode"] == 137
    assert node.pod("done")["status"]["phase"] == "Succeeded" and "reason" not in node.pod("done")["status"]
    ready = find_condition(node.client.get("nodes", "node-1")["status"]["conditions"], "Ready") or {}
    assert (ready["status"], ready["reason"]) == ("False", "KubeletNotReady")
    assert ready["message"] == "node is shutting down"
    assert ("Shutdown", "Shutdown manager detected shutdown event") in node.events("node-1")
    node.create("late")
    late = node.wait(lambda p: p["status"].get("phase") == "Failed", name="late", seconds=60)["status"]
    assert (late["reason"], late["message"]) == (
        *("NodeShutdown", "Pod was rejected: Pod was rejected as the node is shutting down."),
    )
    node.restart()
    assert condition_is(node.client.get("nodes", "node-1"), "Ready")
    assert node.pod("usual")["status"]["reason"] == "Terminated"


def test_a_pod_that_is_being_deleted_does_not_take_longer(node: Running, tmp_path: Path) -> None:
    up = tmp_path / "up"
    command = ["sh", "-c", f"trap '' TERM; touch {up}; while :; do sleep 0.02; done"]
    critical = {"priorityClassName": "system-node-critical", "terminationGracePeriodSeconds": 600}
    node.create(command=command, spec=critical)
    until(up.exists, "it is up", 60)
    node.client.delete("pods", "web", "default")
    node.agent.shut_down()
    until(lambda: node.pod() is None, "it has gone", 60)


def test_a_static_pod_comes_back_with_its_node(node: Running) -> None:
    write(node)
    before = node.wait(lambda p: condition_is(p, "Ready"), name="web-node-1", seconds=60)
    node.agent.shut_down()
    assert node.pod("web-node-1")["status"]["reason"] == "Terminated"
    node.restart()
    after = node.wait(lambda p: condition_is(p, "Ready"), name="web-node-1", seconds=60)
    assert first(after)["containerID"] != first(before)["containerID"] and first(after)["restartCount"] == 1


def test_it_does_not_wait_longer_than_it_may(node: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody carries out what is asked."""
    monkeypatch.setattr("minikctl.kubelet.shutdown.SLACK", 0.2)
    node.create(spec={"priorityClassName": "system-cluster-critical"})
    node.ready()
    monkeypatch.setattr(node.kubelet, "fail", lambda *_args, **_more: None)
    thread = threading.Thread(target=node.agent.shut_down, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
