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


def test_a_node_that_waits_for_its_pods(running: Daemon) -> None:
    """Graceful node shutdown: a pod ends as it wants to, and is not replaced before the node is back."""
    settings = running.root / "nodes" / "config.yaml"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text("shutdownGracePeriod: 30s\n")
    running.run("cluster", "stop")
    running.start()
    script = "trap 'echo asked; sleep 0.5; echo ended; exit 0' TERM; echo up; while :; do sleep 0.02; done"
    assert running.run("create", "deployment", "late", "--image=busybox", "--", "sh", "-c", script).code == 0
    eventually(lambda: running.run("logs", "deployment/late").out == "up\n", timeout=60)
    assert running.run("cluster", "stop").code == 0
    assert processes_below(running.root) == []
    pods = running.client.list("pods", "default")["items"]
    assert {p["status"].get("reason") for p in pods} == {"Terminated"} and len(pods) == 2
    running.start()
    eventually(lambda: replaced(running), timeout=60)


def replaced(daemon: Daemon) -> bool:
    pods = [p for p in daemon.client.list("pods", "default")["items"] if p["metadata"]["name"] != "web"]
    return sorted(p["status"].get("phase") for p in pods) == ["Failed", "Running"]
