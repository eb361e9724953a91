"""Real nodes: containers are processes, which outlive the agents and end with the cluster."""

from __future__ import annotations

import signal

import pytest

from minikctl.cluster import layout, start
from tests.support.daemon import Daemon, processes_below
from tests.support.waiting import eventually

AGENT = "kubelet-node-1"
HELLO = "gcr.io/google-samples/hello-app:1.0"


@pytest.fixture
def running(daemon: Daemon) -> Daemon:
    """One real node with one running container."""
    daemon.start()
    assert daemon.run("run", "web", f"--image={HELLO}").code == 0
    eventually(lambda: is_ready(daemon))
    return daemon


def status(daemon: Daemon) -> dict:
    found = daemon.client.get("pods", "web", "default").get("status", {})
    return (found.get("containerStatuses") or [{}])[0]


def is_ready(daemon: Daemon) -> bool:
    return bool(status(daemon).get("ready"))


def test_a_killed_agent_finds_its_containers_again(running: Daemon) -> None:
    before = status(running)
    for component in (AGENT, layout.CONTROLLER_MANAGER):
        old = running.kill(component)
        eventually(lambda c=component, o=old: running.process(c).alive and running.process(c).pid != o.pid)
    running.client.patch("pods", "web", {"metadata": {"labels": {"seen": "yes"}}}, "default")
    eventually(lambda: start.ready_nodes(running.root) == {"node-1"})
    assert status(running)["containerID"] == before["containerID"]
    assert status(running)["restartCount"] == 0


def test_containers_survive_a_killed_supervisor(running: Daemon) -> None:
    before = status(running)
    running.kill(layout.SUPERVISOR)
    eventually(lambda: not running.process(AGENT).alive)
    running.start()
    eventually(lambda: is_ready(running))
    assert status(running)["containerID"] == before["containerID"]


def test_stop_ends_containers_and_start_brings_them_back(running: Daemon) -> None:
    assert running.run("cluster", "stop").code == 0
    assert processes_below(running.root) == []
    running.start()
    eventually(lambda: is_ready(running) and status(running).get("restartCount", 0) >= 1)


def test_stop_after_a_killed_supervisor_leaves_nothing_either(running: Daemon) -> None:
    running.process(layout.SUPERVISOR).send(signal.SIGKILL)
    done = running.run("cluster", "stop")
    assert done.code == 0
    assert processes_below(running.root) == []


def test_reset_ends_containers(running: Daemon) -> None:
    assert running.run("cluster", "reset", "--yes").code == 0
    assert processes_below(running.root) == [] and list(running.root.iterdir()) == []
