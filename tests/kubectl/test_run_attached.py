"""`run -i`: the pod's end is the command's end. A kubelet is played by a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from minikctl.kubectl import run_attached
from tests.support.cluster import TestCluster

NOW = "2026-01-01T00:00:00Z"


def end(cluster: TestCluster, name: str, phase: str, code: int) -> threading.Thread:
    """Let the pod end as soon as it is there."""

    def play() -> None:
        for event in cluster.client.watch("pods", "default", resource_version="1", timeout=10):
            if event.type != "ADDED" or event.object["metadata"]["name"] != name:
                continue
            reason = "Completed" if code == 0 else "Error"
            ended = {"exitCode": code, "reason": reason, "startedAt": NOW, "finishedAt": NOW}
            status = {
                "phase": phase,
                "containerStatuses": [
                    {
                        "name": name,
                        "image": "busybox",
                        "imageID": "",
                        "ready": False,
                        "restartCount": 0,
                        "state": {"terminated": ended},
                    }
                ],
            }
            cluster.client.update("pods", {**event.object, "status": status}, subresource="status")
            return

    thread = threading.Thread(target=play)
    thread.start()
    return thread


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> None:
    def speak(_client: Any, name: str, _namespace: str, _options: Mapping[str, Any]) -> Iterator[bytes]:
        yield f"this is {name}\n".encode()

    monkeypatch.setattr("minikctl.client.local.LocalClient.logs", speak)


@pytest.mark.parametrize(
    ("phase", "code", "err"),
    [("Succeeded", 0, ""), ("Failed", 7, "pod default/once terminated (Error)\n")],
)
def test_a_pod_that_has_ended_gives_its_log_and_exit_code(
    cluster: TestCluster, logs: None, phase: str, code: int, err: str
) -> None:
    thread = end(cluster, "once", phase, code)
    result = cluster.cli("run", "once", "--image=busybox", "--restart=Never", "-i", "--rm", "--", "true")
    thread.join()
    assert (result.code, result.err) == (code, err)
    assert result.out == 'this is once\npod "once" deleted from default namespace\n'


def test_a_pod_that_does_not_come_up_in_time(cluster: TestCluster) -> None:
    argv = ["run", "slow", "--image=busybox", "--restart=Never", "--attach", "--pod-running-timeout=100ms"]
    result = cluster.cli(*argv)
    assert (result.code, result.err) == (1, "error: timed out waiting for the condition\n")


def test_readiness_is_asked_for() -> None:
    ready = {"type": "Ready", "status": "True"}
    assert run_attached._is_ready({"status": {"phase": "Running", "conditions": [ready]}})
    assert not run_attached._is_ready({"status": {"phase": "Running"}})
